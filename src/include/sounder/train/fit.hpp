// fit: the whole of training, for any model, mode and exchange.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/options.hpp>
#include <sounder/params/model_file.hpp>
#include <sounder/train/backend.hpp>
#include <sounder/train/checkpoint.hpp>
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
  const Checkpoint* resume = nullptr;    ///< a run to go on with, instead of `start`
  std::map<std::string, std::string> facts{};  ///< flags of the model that a checkpoint must agree on
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
  int checkpoint_epochs = -1;               ///< what the last checkpoint holds; -1: none was written
  std::string checkpoint_error;             ///< why the last one could not be written; "" if it was
  std::string advice;                       ///< why it stopped and what to do, if it diverged
};

/// Trains for Options::epochs epochs (with a checkpoint: counted from the start of the run that wrote it) on the workers of `backend`. Never prints. Throws Error on options that
/// cannot be used and rethrows the first exception of a worker; a run that diverges is a Result.
/// Divergence (a loss that is not finite, or far above that of the start values) is found within the chunk that does
/// it, or at the end of the epoch; the run then stops with the parameters of the last good point, of which a copy is
/// kept: training needs twice the memory of the parameters.
/// A run that goes on from a checkpoint has the curve of the earlier one, and passes it to the observer first. The
/// checkpoint of a run that was interrupted within an epoch holds the state before that epoch. All of this happens
/// outside of the training clock.
Result fit(const Problem& problem, const Options& options, Backend& backend, Exchange& exchange, Observer& observer);
Result fit(const Problem& problem, const Options& options, Backend& backend);

/// Throws the Error that fit would throw of Problem::resume; for callers that open files before they call it.
void check_resume(const Problem& problem, const Options& options);

/// Trains a model of your own, or a built-in struct: the ten-line form.
template <Model M>
Result fit(const M& model, const Dataset& train, const Options& options, Backend& backend) {
  std::string name = "model";
  if constexpr (requires { M::kName; }) name = M::kName;
  const Kernel kernel = make_kernel(model, train, std::move(name), options.rule);
  return fit(Problem{.kernel = kernel, .train = train}, options, backend);
}

}  // namespace sounder
