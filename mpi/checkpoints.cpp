#include "checkpoints.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "batch.hpp"
#include "curve.hpp"
#include "facts.hpp"

namespace sounder::mpi {
namespace {

/// A set that is dealt to ranks has another digest than the same set in one process.
std::string dealt(const Problem& problem) { return problem.train.data.name() + ", dealt to ranks"; }

}  // namespace

RankCheckpoints::RankCheckpoints(World& world, const Problem& problem, const sounder::Options& options, const Options& between,
                                 RankObserver& observer)
    : problem_(problem),
      options_(options),
      between_(between),
      observer_(observer),
      wanted_(!options.checkpoint.empty()),
      writes_(wanted_ && world.rank() == 0) {}

void RankCheckpoints::keep(const Parameters& parameters, int epochs) {
  if (!writes_) return;
  state_ = to_saved(problem_.kernel, parameters, problem_.train.data, RowPart::whole);
  epochs_ = epochs;
}

void RankCheckpoints::write(const Curve& curve, double scale, double step, const std::map<std::string, std::string>& notes,
                            sounder::Result& result) {
  if (!writes_ || !state_ || result.checkpoint_epochs == epochs_) return;
  if (std::ranges::none_of(curve, [this](const Point& point) { return point.epoch == epochs_; })) return;
  Checkpoint checkpoint{.data = dealt(problem_),
                        .data_digest = problem_.train.digest,
                        .state = *state_,
                        .epochs = epochs_,
                        .scale = scale,
                        .curve = {},
                        .backoffs = {},
                        .file = {}};
  checkpoint.state.facts = facts_of_checkpoint(problem_, options_, between_, step);
  checkpoint.state.facts.insert(notes.begin(), notes.end());
  std::ranges::copy_if(curve, std::back_inserter(checkpoint.curve), [this](const Point& point) { return point.epoch <= epochs_; });
  try {
    save(checkpoint, options_.checkpoint);
    result.checkpoint_epochs = epochs_;
    result.checkpoint_error.clear();
  } catch (const std::exception& error) {
    if (result.checkpoint_error.empty()) observer_.on_checkpoint_lost(error.what());
    result.checkpoint_error = error.what();
  }
}

void check_resume(World& world, const Problem& problem, const sounder::Options& options, const Options& between) {
  if (options.checkpoint.empty() && !problem.resume) return;
  const char* const flag = problem.resume ? "--resume" : "--checkpoint";
  between.validate_checkpoint(flag, options.rule);
  const std::size_t rounds = rounds_of_epoch(problem.train.all_examples, batch_of(options, between, problem.train.all_examples));
  if (between.mode == RankMode::local && rounds % static_cast<std::size_t>(between.local_rounds) != 0)
    throw Error(fmt::format("{} is of an epoch's end, which is no average with --local-rounds {}: give one that divides the {} rounds of an epoch",
                            flag, between.local_rounds, rounds));
  if (!problem.resume) return;
  const double step = first_step(problem, options, between.mode, world.size());
  check_checkpoint(*problem.resume, problem.kernel, {dealt(problem), problem.train.digest}, facts_of_checkpoint(problem, options, between, step));
}

}  // namespace sounder::mpi
