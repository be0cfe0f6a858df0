// What a device is and can do: all that the choice of a placement depends on.
#pragma once

#include <cstddef>
#include <string>

namespace sounder::cuda {

struct Caps {
  std::string name = "none";
  int compute_capability = 0;                ///< 90 for sm_90
  int multiprocessors = 0;
  int threads_per_multiprocessor = 0;
  std::size_t l2_bytes = 0;
  std::size_t total_bytes = 0, free_bytes = 0;
  bool concurrent_managed_access = false;    ///< CPU and GPU may touch managed memory at the same time
  bool host_native_atomics = false;          ///< atomics on host memory work across the link
  bool direct_managed_access = false;        ///< the CPU reaches GPU memory without moving pages: a coherent link
  bool pageable_memory_access = false;
};

/// Why there is no device to train on.
enum class Absence { none, not_built, no_driver, no_device, stub_library, failed };
struct DeviceStatus {
  Absence absence = Absence::none;
  std::string sentence{};  ///< what is missing and what to do; empty if nothing is
};

}  // namespace sounder::cuda
