// The flags of the GPU's side of a run: bench_cuda has them, and bench_mpi inside its ranks.
#pragma once

#include <span>
#include <string>

#include <sounder/cuda/options.hpp>

#include "records.hpp"
#include "settings.hpp"

namespace sounder::bench {

/// What a run has of a GPU.
struct GpuSide {
  cuda::DeviceName device = cuda::DeviceName::automatic;
  cuda::GpuOptions options;  ///< its mode is set anew for each run
};

/// --device, --placement and what else is said to the GPU.
void declare_gpu(CommandLine& line, GpuSide& gpu);

/// Flags that none of the chosen modes obeys, or that another flag takes the effect of. `flag` chose them, "--mode" or "--node-mode", and
/// `names` are their names. Throws Error.
void check_obeyed_by_gpu(const CommandLine& line, const GpuSide& gpu, std::span<const cuda::GpuMode> modes, const char* flag, const std::string& names);

/// For --version.
std::string gpu_text();

/// What the run record has of them.
Json gpu_options(const GpuSide& gpu);

}  // namespace sounder::bench
