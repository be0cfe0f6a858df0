// fit: the whole of training, for any model, mode and exchange.
#pragma once

#include <string>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/options.hpp>
#include <sounder/params/model_file.hpp>
#include <sounder/train/backend.hpp>
#include <sounder/train/curve.hpp>
#include <sounder/train/exchange.hpp>
#include <sounder/train/observer.hpp>

namespace sounder {

/// What to train on, and what else to know.
struct Problem {
  const Kernel& kernel;
  const Dataset& train;
  const Dataset* test = nullptr;         ///< evaluated at every point
  const SavedModel* start = nullptr;     ///< parameters to go on from; else the model's start values
};

struct Result {
  Parameters parameters;                    ///< where it diverged: those of the last good point
  Curve curve;                              ///< good points only
  Stopped stopped = Stopped::epochs;
  double seconds = 0;                       ///< training clock
  std::optional<double> target_seconds;     ///< when the training loss reached Options::target_loss
  std::string digest;                       ///< of the weights: XXH64, original order, 16 hexadecimal digits
  Telemetry telemetry;                      ///< unless Options::telemetry is off
  std::vector<Backoff> backoffs;            ///< with Options::backoff
  std::optional<Divergence> divergence;     ///< that ended the run
  std::string advice;                       ///< why it stopped and what to do, if it diverged
};

/// Trains for Options::epochs epochs on the workers of `backend`. Never prints. Throws Error on options that
/// cannot be used and rethrows the first exception of a worker; a run that diverges is a Result.
/// Divergence (a loss that is not finite, or far above that of the start values) is found within the chunk that does
/// it, or at the end of the epoch; the run then stops with the parameters of the last good point, of which a copy is
/// kept: training needs twice the memory of the parameters.
Result fit(const Problem& problem, const Options& options, Backend& backend, Exchange& exchange, Observer& observer);
Result fit(const Problem& problem, const Options& options, Backend& backend);

/// Trains a model of your own, or a built-in struct: the ten-line form.
template <Model M>
Result fit(const M& model, const Dataset& train, const Options& options, Backend& backend) {
  std::string name = "model";
  if constexpr (requires { M::kName; }) name = M::kName;
  const Kernel kernel = make_kernel(model, train, std::move(name), options.rule);
  return fit(Problem{.kernel = kernel, .train = train}, options, backend);
}

}  // namespace sounder
