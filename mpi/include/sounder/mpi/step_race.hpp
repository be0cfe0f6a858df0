// Step sizes on several ranks.
#pragma once

#include <sounder/mpi/fit.hpp>

namespace sounder::mpi {

/// By how much the default step is longer in a mode: above 1 where ranks average what they made of their own examples.
double step_factor(const Kernel& kernel, RankMode mode, int workers);

}  // namespace sounder::mpi
