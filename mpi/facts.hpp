// The flags that must be the same: on all ranks of a run, and in all runs that go on from each other.
#pragma once

#include <map>
#include <string>

#include <sounder/mpi/fit.hpp>

namespace sounder::mpi {

/// What all ranks must have been given alike, by flag.
std::map<std::string, std::string> facts_of_run(const Problem& problem, const sounder::Options& options, const Options& between);

/// What a checkpoint of this run says that another must be given alike to go on from it. `step`: of the first epoch.
std::map<std::string, std::string> facts_of_checkpoint(const Problem& problem, const sounder::Options& options, const Options& between,
                                                       double step);

}  // namespace sounder::mpi
