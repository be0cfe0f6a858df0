// Which staleness lets a rank of mode ssp wait least: chosen at run time, between two bounds.
#pragma once

#include <cstdint>

namespace sounder::mpi {

/// What one worker makes of its own reads; times are of one clock, in seconds. As long as it need not wait under the lower bound, that one
/// is in force. Where it would have to, it looks when it and the slowest worker will complete their next clocks, if each takes as
/// long as before, and goes on for so many clocks, within the upper bound, that it will then wait the least for the slowest one's next.
/// (The controller of Zhao et al., "Dynamic stale synchronous parallel distributed training", ICDCS 2019, at the workers.)
class StalenessChoice {
 public:
  StalenessChoice(std::uint64_t least, std::uint64_t most) : least_(least), most_(most) {}
  virtual ~StalenessChoice() = default;

  /// The staleness of the read that is about to be made in `clock`: from least to most.
  std::uint64_t choose(std::uint64_t clock, double now);
  /// That read has been answered: the slowest worker had completed `slowest` clocks.
  void read(std::uint64_t slowest, double now);

 protected:
  /// Clocks that a worker `lead` clocks ahead may still begin. Virtual for the negative control of the tests.
  virtual std::uint64_t most_to_go(std::uint64_t lead) const { return lead > most_ ? 0 : most_ - lead + 1; }

 private:
  std::uint64_t clocks_to_go(std::uint64_t lead, double now) const;

  const std::uint64_t least_, most_;
  double read_at_ = 0, own_ = 0;               ///< the last answer; a clock of this worker's, without waiting
  std::uint64_t slowest_ = 0;                  ///< clocks
  double slowest_at_ = 0, slowest_takes_ = 0;  ///< when that was first seen; a clock of it, 0: not known
  std::uint64_t granted_ = 0;
};

}  // namespace sounder::mpi
