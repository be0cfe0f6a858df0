// bench_mpi from the parsed flags to the exit status.
#pragma once

#include "program.hpp"
#include "settings_mpi.hpp"

namespace sounder::bench {

/// Becomes the ranks that were asked for, or one of them; loads, trains every planned run, reports on rank 0. Throws Error on bad input
/// where this process is all of the ranks; a rank of several ends here, see give_up().
int run_session(const MpiSettings& settings);

}  // namespace sounder::bench
