// How many clocks each worker has completed, and the slowest of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/policy.hpp"

namespace sounder::mpi {

class ClockTable {
 public:
  explicit ClockTable(int workers) : completed_(static_cast<std::size_t>(workers)) {}

  /// Clocks never go back: a number that is not larger changes nothing.
  void complete(int worker, std::uint64_t clocks) {
    std::uint64_t& mine = completed_[static_cast<std::size_t>(worker)];
    mine = std::max(mine, clocks);
  }
  /// It completes no more clocks, and nobody waits for it: it has left by itself, or was found lost.
  void leave(int worker) { complete(worker, kLeft); }

  std::uint64_t completed(int worker) const { return completed_[static_cast<std::size_t>(worker)]; }
  std::span<const std::uint64_t> all() const { return completed_; }
  /// kLeft if all have left.
  std::uint64_t slowest() const { return *std::min_element(completed_.begin(), completed_.end()); }
  int slowest_worker() const {
    return static_cast<int>(std::min_element(completed_.begin(), completed_.end()) - completed_.begin());
  }

 private:
  std::vector<std::uint64_t> completed_;
};

}  // namespace sounder::mpi
