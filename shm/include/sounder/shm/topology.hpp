// The cores that this process may use, and how far they are from each other.
#pragma once

#include <optional>
#include <vector>

namespace sounder::shm {

/// Processing units in the order in which workers should take them: one of each core first, then the
/// hyper-threads. Only those that the process may run on.
std::vector<int> usable_cpus();

/// The processing units of each NUMA node, in the same order; only those that the process may run on, and nodes that have
/// any. `synthetic` describes another machine in hwloc's words ("node:2 core:4 pu:1"): all of its units.
std::vector<std::vector<int>> numa_nodes(const char* synthetic = nullptr);

/// Keeps the calling thread on some processing units while it lives; then gives back the mask it had. None: leaves it.
class Pinned {
 public:
  explicit Pinned(const std::vector<int>& cpus);
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  std::vector<unsigned long> old_mask_;  ///< empty: nothing to give back
};

/// One-way latency in nanoseconds of a cache line between the first two usable cores: what two workers pay
/// for each cell that both write. Empty with one core. Takes about 2 ms. On virtual machines it changes
/// within minutes, so every record carries the value of its run.
std::optional<double> core_to_core_ns();

}  // namespace sounder::shm
