// The teams of this folder: one file each, named as the flag.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <sounder/options.hpp>
#include <sounder/train/team.hpp>

namespace sounder::shm {

/// The processing units that each worker may run on; empty: workers are not pinned.
using Placement = std::vector<std::vector<int>>;
Placement place(int workers, PinName pin);
/// The same on a machine with these NUMA nodes: worker k is bound to node k, modulo their number.
Placement spread(int workers, const std::vector<std::vector<int>>& nodes);
inline std::vector<int> cpus_of(const Placement& placement, int worker) {
  return placement.empty() ? std::vector<int>{} : placement[static_cast<std::size_t>(worker)];
}
/// The NUMA node of a worker, by where it is placed; workers without a placement count as spread.
std::size_t node_of(const Placement& placement, int worker, const std::vector<std::vector<int>>& nodes);

/// Keeps the first exception of any worker until all have ended.
class FirstError {
 public:
  template <class F>
  void guard(F f) {
    try {
      f();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
  void rethrow() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
};

std::unique_ptr<Team> make_openmp_team(int workers, Placement placement);
std::unique_ptr<Team> make_tbb_team(int workers, Placement placement);
std::unique_ptr<Team> make_threads_team(int workers, Placement placement);
std::unique_ptr<Team> make_team(TeamName name, int workers, PinName pin);

}  // namespace sounder::shm
