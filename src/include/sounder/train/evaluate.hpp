// How good the parameters are: in double precision, in parallel, outside the training clock.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <sounder/kernel.hpp>
#include <sounder/train/team.hpp>

namespace sounder {

/// On a set of examples.
struct Evaluation {
  double loss = 0;      ///< mean loss, without L2
  double metric = 0;    ///< accuracy (binary, multiclass) or root mean squared error (rating)
};

/// The name of Evaluation::metric: "accuracy" or "rmse".
std::string_view metric_name(Task task);

/// Sums in fixed blocks, so that the result does not depend on the number of workers.
Evaluation evaluate(const Kernel& kernel, const Parameters& parameters, const Dataset& data, Team& team);

/// One raw prediction an example, in the order of the dataset.
std::vector<double> predict(const Kernel& kernel, const Parameters& parameters, const Dataset& data, Team& team);

/// Area under the ROC curve: the chance that a random positive outranks a random negative, ties counting half.
/// Empty where one class is missing or a score is not a number (a diverged model has no ranking).
std::optional<double> auc(const std::vector<double>& scores, std::span<const float> labels);

}  // namespace sounder
