// What is in the data of a shard, worker by worker: told by the updates themselves, in the step that applies them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sounder::mpi {

/// Independent of the clock table, which decides what may be read: a reader holds the one against the other.
class Witness {
 public:
  struct Of {
    std::uint64_t clocks = 0;    ///< of the worker, all of whose updates are in the data
    std::uint64_t sequence = 0;  ///< its last push that is
    std::uint64_t updates = 0;   ///< its pushes that changed something
    std::uint64_t marked_clocks = 0, marked_sequence = 0;  ///< a clock without a push of its own, and the push before it
  };

  explicit Witness(int workers) : of_(static_cast<std::size_t>(workers)) {}

  /// A push of `clock` was applied.
  void applied(int worker, std::uint64_t sequence, std::uint64_t clock, bool completes, bool changes) {
    Of& of = of_[static_cast<std::size_t>(worker)];
    of.sequence = sequence;
    of.clocks = std::max(of.clocks, clock + (completes ? 1 : 0));
    if (changes) ++of.updates, ++updates_;
    if (of.sequence >= of.marked_sequence) of.clocks = std::max(of.clocks, of.marked_clocks);
  }
  /// `clocks` are complete with the push `sequence`: as soon as that one is in the data.
  void marked(int worker, std::uint64_t clocks, std::uint64_t sequence) {
    Of& of = of_[static_cast<std::size_t>(worker)];
    if (of.sequence >= sequence)
      of.clocks = std::max(of.clocks, clocks);
    else
      of.marked_clocks = clocks, of.marked_sequence = sequence;
  }

  int workers() const { return static_cast<int>(of_.size()); }
  const Of& operator[](int worker) const { return of_[static_cast<std::size_t>(worker)]; }
  std::uint64_t updates() const { return updates_; }
  std::uint64_t updates_of_others(int worker) const { return updates_ - (*this)[worker].updates; }

 private:
  std::vector<Of> of_;
  std::uint64_t updates_ = 0;
};

}  // namespace sounder::mpi
