// bench_shm from the parsed flags to the exit status.
#pragma once

#include "program.hpp"
#include "settings_shm.hpp"

namespace sounder::bench {

/// Loads, trains every planned run, reports. Throws Error on bad input.
int run_session(const ShmSettings& settings);

}  // namespace sounder::bench
