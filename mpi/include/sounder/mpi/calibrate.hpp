// From a real run to the model of a simulated one.
#pragma once

#include <sounder/mpi/fit.hpp>
#include <sounder/mpi/sim_model.hpp>

namespace sounder::mpi {

/// What examples, rounds and messages took: the rounds from `result`, which fit returned on rank 0, the messages from some that ranks 0 and 1 send each
/// other now. Called by all ranks, of which there must be two; what it returns is of use on rank 0. Throws Error.
SimModel calibrated(World& world, const Result& result);

}  // namespace sounder::mpi
