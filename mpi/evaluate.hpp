// Losses and means over all ranks.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include <sounder/mpi/fit.hpp>
#include <sounder/train/evaluate.hpp>

#include "endpoint.hpp"

namespace sounder::mpi {

/// Means over whole sets of which each rank holds a part. Collective.
class RankEvaluator {
 public:
  RankEvaluator(Endpoint& endpoint, const Problem& problem, Team& team) : endpoint_(endpoint), problem_(problem), team_(team) {}

  struct Losses {
    double train = 0;  ///< with the penalty
    std::optional<double> test, metric;
  };
  /// The same numbers on all ranks.
  Losses operator()(const Parameters& parameters);

 private:
  Evaluation over_ranks(const Parameters& parameters, const SharedSet& set);

  Endpoint& endpoint_;
  const Problem& problem_;
  Team& team_;
};

/// On rank 0: the area under the ROC curve of a set of which each rank holds a part, from the scores of all examples. Empty elsewhere, and
/// where auc() is. Collective.
std::optional<double> auc_over_ranks(Endpoint& endpoint, const Kernel& kernel, const Parameters& parameters, const SharedSet& set, Team& team);

/// What rank `root` has, on all ranks. Collective.
void copy_from(Endpoint& endpoint, int root, std::span<float> values);
/// values[i] = the sum over the ranks, of which `counted` count and the others have zeros, added in their order and divided by `counted`: the
/// same bits everywhere. Collective.
void average_over_ranks(Endpoint& endpoint, int counted, std::span<float> values);

}  // namespace sounder::mpi
