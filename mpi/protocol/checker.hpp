// Whether a history keeps the promises of a consistency model. Knows nothing of how servers and clients keep them.
#pragma once

#include <cstdint>
#include <string>

#include <sounder/modes.hpp>
#include <sounder/mpi/kv_store.hpp>

#include "protocol/history.hpp"

namespace sounder::mpi {

struct Promises {
  std::uint64_t staleness = kUnbounded;  ///< the most that may be in force
  Visibility visibility = Visibility::at_least;
  bool read_my_writes = true;  ///< each read holds all own pushes before it
};

struct Verdict {
  std::uint64_t reads = 0, violations = 0;
  std::string first;                   ///< the first violation, or ""
  std::uint64_t stuck = 0;             ///< reads that never came back
  std::uint64_t largest_staleness = 0; ///< of a read: its clock less the clocks held of the slowest worker
  std::uint64_t largest_lead = 0;      ///< clocks that one worker had completed more than another
};

/// O(events x workers). Checks of each read: the bound (the staleness in force, of every worker); with exact visibility equality; that no
/// clock seen once is missing later (monotonic reads) and own writes are seen. Of the order of events: who has *begun* to compute in a
/// clock (its read came back) leads by no more than the staleness, who has completed one by no more than one more.
Verdict check(const History& history, const Promises& promises);

}  // namespace sounder::mpi
