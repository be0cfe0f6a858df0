// What bench_cuda was asked to do.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include <sounder/cuda/options.hpp>

#include "settings.hpp"

namespace sounder::bench {

struct CudaSettings : Settings {
  std::vector<cuda::GpuMode> modes{cuda::GpuMode::hybrid};
  Mode node_mode = Mode::hogwild;  ///< of the CPU threads
  cuda::DeviceName device = cuda::DeviceName::automatic;
  cuda::GpuOptions gpu;            ///< its mode is set anew for each run

  bool uses_gpu() const {
    return std::any_of(modes.begin(), modes.end(), [](cuda::GpuMode mode) { return mode != cuda::GpuMode::cpu; });
  }
};

/// Parses the command line. Returns nothing if --help or --version answered it on stdout.
/// Throws Error on an unknown flag, a bad value, or flags that contradict each other.
std::optional<CudaSettings> parse_cuda(int argc, const char* const* argv);

}  // namespace sounder::bench
