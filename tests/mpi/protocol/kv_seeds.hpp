// Looks through the schedules of many seeds for one that breaks something.
#pragma once

#include <cstdint>

#include "protocol/kv_sim.hpp"

namespace sounder::test {

inline constexpr std::uint64_t kTries = 200;

/// KvSchedule::fault: every fifth push comes twice.
inline mpi::Sim::Fault doubles_pushes(int, const mpi::Frame& frame, Random& random) {
  return frame.header.kind == mpi::Kind::push && random.below(5) == 0 ? mpi::Sim::Fault::twice : mpi::Sim::Fault::none;
}

inline bool anything_wrong(const KvOutcome& outcome) { return !outcome.sound() || outcome.stuck(); }
inline bool audit_objects(const KvOutcome& outcome) { return outcome.audit_violations > 0; }

/// The first seed whose schedule is caught; `seeds` if there is none.
template <class Make>
std::uint64_t first_caught(std::uint64_t seeds, Make make, bool (*caught)(const KvOutcome&) = anything_wrong) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed)
    if (caught(run(make(seed)))) return seed;
  return seeds;
}

}  // namespace sounder::test
