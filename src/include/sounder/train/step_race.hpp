// A step size by trial: a short race on a sample of the training data.
#pragma once

#include <vector>

#include <sounder/kernel.hpp>
#include <sounder/options.hpp>
#include <sounder/params/model_file.hpp>

namespace sounder {

/// What a race knows of one step size.
struct Trial {
  double step = 0;
  double loss = 0;  ///< the objective on the sample after the race; not finite: diverged, and out
};

struct StepRace {
  double step = 0;            ///< the winner
  std::vector<Trial> trials;  ///< of the first heat, by ascending step
};

/// Trains on one thread, with `options.seed`, the rule and the schedule of `options`, at the model's default step times
/// 2^-5 ... 2^5, each from the same start values (`start`: those of a saved model) for two epochs over the same sample:
/// the first 10,000 examples of `data`, which was shuffled from its own seed. The lowest loss wins, ties go to the
/// smaller step. On a larger set a second heat follows, since a sample that touches each row a few times forgives steps
/// that the whole set does not (matrix factorization: 16 times the good one): one epoch over the first million
/// examples, and half the step as long as that is no worse. Mostly 2 or 3 visits of them. Needs memory for one more set
/// of parameters; the choice is the same for any number of threads and any mode. Throws Error if every step diverges.
/// Source: Bottou, "Stochastic Gradient Descent Tricks", 2012, who sets the first step by trials on a small sample.
StepRace race_steps(const Kernel& kernel, const Dataset& data, const Options& options,
                    const SavedModel* start = nullptr);

}  // namespace sounder
