// What bench_cuda was asked to do.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "flags_gpu.hpp"

namespace sounder::bench {

struct CudaSettings : Settings {
  std::vector<cuda::GpuMode> modes{cuda::GpuMode::hybrid};
  Mode node_mode = Mode::hogwild;  ///< of the CPU threads
  GpuSide gpu;

  bool uses_gpu() const {
    return std::any_of(modes.begin(), modes.end(), [](cuda::GpuMode mode) { return mode != cuda::GpuMode::cpu; });
  }
};

/// Parses the command line. Returns nothing if --help or --version answered it on stdout.
/// Throws Error on an unknown flag, a bad value, or flags that contradict each other.
std::optional<CudaSettings> parse_cuda(int argc, const char* const* argv);

}  // namespace sounder::bench
