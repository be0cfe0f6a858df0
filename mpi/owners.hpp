// How many ranks hold a part of the parameters for all others.
#pragma once

#include <algorithm>
#include <cstddef>

namespace sounder::mpi {

/// All of a few; of more ranks, as many as have 4 KiB each: every rank that owns something is told and heard by all in every round, and a
/// message of fewer bytes takes as long as one of so many.
inline int owners_of(std::size_t floats, int ranks) {
  constexpr std::size_t kFew = 16, kLeast = 1024;
  return static_cast<int>(std::min(static_cast<std::size_t>(ranks), std::max(kFew, floats / kLeast)));
}

}  // namespace sounder::mpi
