// A step size by trial, the same on all ranks.
#pragma once

#include <sounder/mpi/fit.hpp>
#include <sounder/train/step_race.hpp>

namespace sounder::mpi {

/// race_steps() (sounder/train/step_race.hpp) on the examples of rank 0, which are a sample of all where they were dealt by hash; all ranks get its
/// step and its trials, while they wait no longer than --deadline. It is a step for one process: multiply it by step_factor(). Collective.
/// Throws Error on all ranks if every step diverges.
StepRace race_steps(World& world, const Problem& problem, const sounder::Options& options);

/// By how much the default step is longer in a mode: above 1 where ranks average what they made of their own examples.
double step_factor(const Kernel& kernel, RankMode mode, int workers);

}  // namespace sounder::mpi
