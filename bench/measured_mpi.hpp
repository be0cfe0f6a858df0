// What --trace and --calibrate write of a run.
#pragma once

#include <sounder/mpi/fit.hpp>

#include "settings_mpi.hpp"

namespace sounder::bench {

/// Spans of each rank that --trace keeps at most; 0: it was not given.
std::uint64_t spans_of(const MpiSettings& settings, int ranks);

/// Writes the files that were asked for, on rank 0. By all ranks: calibrating sends messages. Throws Error.
void write_measured(mpi::World& world, const MpiSettings& settings, const mpi::Result& result);

}  // namespace sounder::bench
