// --inspect: what a dataset says about contention, and what to do about it, before any training.
#pragma once

#include "settings_shm.hpp"

namespace sounder::bench {

/// Prints the report (and with --json a record of kind `inspect`). Throws Error as a run would.
void inspect(const ShmSettings& settings);

}  // namespace sounder::bench
