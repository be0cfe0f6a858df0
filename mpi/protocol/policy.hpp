// When a read may be served, and whether updates wait for their clock.
#pragma once

#include <cstdint>

#include <sounder/modes.hpp>
#include <sounder/mpi/kv_store.hpp>

namespace sounder::mpi {

/// The clock of one who has left: later than every other, so that nobody waits.
inline constexpr std::uint64_t kLeft = ~std::uint64_t{0};

/// The oldest state that a read in clock c may be given under staleness s: the number of clocks of every worker that it must hold.
///
/// The counting, once: clocks are 0, 1, 2, ... A worker *in* clock c has *completed* c clocks, those numbered 0 ... c - 1. A read in clock
/// c must see every update that any worker made in clocks 0 ... c - s - 1; these are c - s clocks (none if c < s). Hence it may be served
/// as soon as every worker has completed at least c - s clocks. With s = 0, a read waits until all have completed what the reader has.
constexpr std::uint64_t clocks_due(std::uint64_t clock, std::uint64_t staleness) { return clock > staleness ? clock - staleness : 0; }

/// async: `Policy::async()`. ssp: `Policy::ssp(s, visibility)`. bsp through servers: `Policy::ssp(0, Visibility::exact)`. The staleness in
/// force comes with each pull, so that it may change at run time.
class Policy {
 public:
  static Policy async() { return Policy(kUnbounded, Visibility::at_least); }
  static Policy ssp(std::uint64_t staleness, Visibility visibility) { return Policy(staleness, visibility); }
  virtual ~Policy() = default;

  /// Whether a read in `clock` may be served where the slowest worker has completed `slowest` clocks.
  virtual bool may_read(std::uint64_t slowest, std::uint64_t clock, std::uint64_t staleness) const {
    return slowest >= clocks_due(clock, staleness);
  }
  /// Whether updates are held until their clock is complete at all workers, and a read is given the state of clocks_due exactly.
  bool exact() const { return visibility_ == Visibility::exact; }
  /// The most that a pull may ask for, where `exact`: so many clocks of old states are kept.
  std::uint64_t staleness() const { return staleness_; }

 protected:
  Policy(std::uint64_t staleness, Visibility visibility) : staleness_(staleness), visibility_(visibility) {}

 private:
  std::uint64_t staleness_;
  Visibility visibility_;
};

}  // namespace sounder::mpi
