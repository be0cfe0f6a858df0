// The runs of bench_cuda, one after the other.
#pragma once

#include "program.hpp"
#include "settings_cuda.hpp"

namespace sounder::bench {

/// Returns the exit status of the program. Throws Error.
int run_session(const CudaSettings& settings);

}  // namespace sounder::bench
