// Which cores the workers of a rank run on.
#pragma once

#include <vector>

#include <sounder/mpi/world.hpp>

#include "settings_mpi.hpp"

namespace sounder::bench {

/// Ranks of one machine that may all use the same cores each get some of them; where these are too few, no worker is pinned.
/// Empty: any. May take pinning out of `options`. Rank 0 says once where cores are too few for so many threads; `warned` is of how many.
std::vector<int> place(const MpiSettings& settings, const mpi::World& world, Options& options, int& warned);

}  // namespace sounder::bench
