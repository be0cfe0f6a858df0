#include "curve.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <sounder/mpi/step_race.hpp>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

constexpr double kExplosion = 10;  ///< a loss this many times that of the start values has exploded, as in fit on one process
constexpr double kLeastScale = 1e-6;
constexpr int kMostFactor = 4;  ///< of a default step: for a logistic loss it is a quarter of what overshoots on one example

/// What the default step is multiplied by where the ranks' parameters are averaged: the mean of P movements of n / P examples each is
/// as long as the sum over n / P of them, so that P ranks with the step of one would make the progress of n / P examples (the linear
/// scaling rule, Goyal et al. 2017; InstEval, 4 ranks, 20 epochs: loss 1.20 of one process's without it, 1.00 with it). 1 for models whose default
/// step is near the largest that is stable, and for rules that choose the length of a step themselves.
double factor_of_averaging(const Kernel& kernel, int workers) {
  const auto model = from_name(kModels, kernel.name);
  if (!model || kernel.rule != RuleName::sgd) return 1;
  switch (*model) {
    case ModelName::logistic:
    case ModelName::svm:
    case ModelName::softmax:
    case ModelName::mf: return std::min(workers, kMostFactor);
    case ModelName::squared:
    case ModelName::mlp:
    case ModelName::fm:
    case ModelName::cut: break;
  }
  return 1;
}

}  // namespace

double step_factor(const Kernel& kernel, RankMode mode, int workers) {
  return entry_of(mode).replicas_differ ? factor_of_averaging(kernel, workers) : 1;
}

double first_step(const Problem& problem, const sounder::Options& options, RankMode mode, int workers) {
  if (options.step > 0) return options.step;
  if (problem.resume)  // with the step that it began with, also on another number of ranks
    if (const auto step = problem.resume->state.facts.find("step"); step != problem.resume->state.facts.end()) return std::stod(step->second);
  return problem.kernel.default_step * step_factor(problem.kernel, mode, workers);
}

RankCurve::RankCurve(Endpoint& endpoint, const Problem& problem, const sounder::Options& options, RankMode mode, int workers,
                     Team& team)
    : endpoint_(endpoint),
      problem_(problem),
      options_(options),
      mode_(mode),
      entry_(entry_of(mode)),
      workers_(workers),
      evaluate_(endpoint, problem, team),
      at_(problem.kernel.layout),
      first_epoch_(problem.resume ? problem.resume->epochs : 0),
      good_(packed_size(problem.kernel.layout)),
      evaluated_(first_epoch_) {}

void RankCurve::start(const Parameters& parameters) {
  pack(parameters, good_);
  const int mine[] = {trains() ? 1 : 0};
  trainers_ = all_sum<int>(endpoint_, mine)[0];
  if (problem_.resume) {
    points_ = problem_.resume->curve;
    scale_ = problem_.resume->scale;
    for (const Point& point : points_) note_target(point);
    return;
  }
  const RankEvaluator::Losses losses = evaluate_(parameters);
  scale_ = std::isfinite(losses.train) ? std::max(losses.train, kLeastScale) : losses.train;
  sound_ = std::isfinite(scale_);
  points_ = {point_of(0, {}, losses)};
}

void RankCurve::take(const Parameters& parameters, const Progress::Declared& when) {
  packed_.emplace_back();
  if (!rank_0_keeps() || endpoint_.rank() == 0) pack(parameters, packed_.back() = std::vector<float>(good_.size()));
  lockstep_.push_back(when);
}

bool RankCurve::evaluate_taken(RankDiscipline& mode) {
  evaluate_all(lockstep_, mode);
  return sound_;
}

void RankCurve::collect(const End& end, RankDiscipline& mode, Parameters& parameters, sounder::Result& run) {
  run.stopped = end.stopped.value_or(Stopped::epochs);
  if (entry_.replicas_differ && entry_.pace == Pace::free && run.stopped == Stopped::epochs) pack(parameters, merged_.emplace(good_.size()));
  evaluate_all(entry_.pace == Pace::free ? end.declared : lockstep_, mode);
  const double mine[] = {endpoint_.rank() == 0 ? end.seconds : 0., static_cast<double>(end.examples), static_cast<double>(end.bytes_sent)};
  const std::vector<double> all = all_sum<double>(endpoint_, mine);
  run.seconds = all[0];
  if (sound_ && run.stopped == Stopped::interrupted) {  // one more, of the epoch that was cut short
    std::vector<float> packed(good_.size());
    pack(parameters, packed);
    const std::uint64_t examples = static_cast<std::uint64_t>(all[1]) + problem_.train.all_examples * static_cast<std::uint64_t>(first_epoch_);
    sound_ = add(evaluated_ + 1, {all[0], examples, static_cast<std::uint64_t>(all[2])}, std::move(packed));
  }
  if (!sound_) run.stopped = Stopped::diverged;
  run.curve = points_;
  run.target_seconds = target_seconds_;
  if (run.stopped == Stopped::diverged) explain_divergence(run);
  unpack(good_, parameters);
}

/// All points that rank 0 knows of and that are not evaluated yet, until one has diverged.
void RankCurve::evaluate_all(const std::vector<Progress::Declared>& of_rank_0, RankDiscipline& mode) {
  const Payload all = broadcast(endpoint_, 0, endpoint_.rank() == 0 ? Payload::of(of_rank_0) : Payload());
  const auto declared = all.as<Progress::Declared>();
  while (sound_ && evaluated_ - first_epoch_ < static_cast<int>(declared.size())) {
    const Progress::Declared& when = declared[static_cast<std::size_t>(evaluated_ - first_epoch_)];
    sound_ = add(evaluated_ + 1, when, bring(evaluated_ + 1, mode));
    if (sound_) ++evaluated_;
  }
}

bool RankCurve::add(int point, const Progress::Declared& when, std::vector<float> packed) {
  unpack(packed, at_);
  const RankEvaluator::Losses losses = evaluate_(at_);
  if (!(losses.train <= kExplosion * scale_)) return false;
  points_.push_back(point_of(point, when, losses));
  note_target(points_.back());
  good_ = std::move(packed);
  return true;
}

void RankCurve::note_target(const Point& point) {
  if (options_.target_loss && !target_seconds_ && point.epoch > 0 && point.train_loss <= *options_.target_loss) target_seconds_ = point.seconds;
}

/// The parameters of a point, the same on all ranks.
std::vector<float> RankCurve::bring(int point, RankDiscipline& mode) {
  if (merged_ && point == options_.epochs) return *merged_;
  std::vector<float> packed(good_.size());  // zero where this rank has learned nothing
  if (entry_.serves) {
    mode.pull_point(point, packed);
    return packed;
  }
  if (rank_0_keeps() && point <= taken())
    return *one_for_all<std::vector<float>>(endpoint_, [&] { return std::move(packed_[static_cast<std::size_t>(point - first_epoch_) - 1]); });
  if (trains() && point <= taken()) packed = std::move(packed_[static_cast<std::size_t>(point - first_epoch_) - 1]);
  if (entry_.replicas_differ)
    average_over_ranks(endpoint_, trainers_, packed);
  else if (workers_ < endpoint_.size())
    copy_from(endpoint_, 0, packed);
  return packed;
}

/// Of ranks that take turns and hold the same bits, one needs to keep them until they are evaluated: a thousand copies are a thousand times the memory.
bool RankCurve::rank_0_keeps() const {
  return endpoint_.transport().turns() && entry_.pace == Pace::lockstep && !entry_.replicas_differ && workers_ == endpoint_.size();
}

Point RankCurve::point_of(int point, const Progress::Declared& when, const RankEvaluator::Losses& losses) const {
  Point result;
  result.epoch = point;
  result.seconds = when.seconds;
  result.examples = result.updates = when.examples;
  result.bytes_sent = when.bytes_sent;
  result.train_loss = losses.train;
  result.test_loss = losses.test;
  result.test_metric = losses.metric;
  result.step = point > 0 ? step_at(point - 1) : 0;
  return result;
}

double RankCurve::step_at(int epoch) const {
  return options_.step_at(std::clamp(epoch, 0, std::max(0, options_.epochs - 1)), first_step(problem_, options_, mode_, workers_));
}

void RankCurve::explain_divergence(sounder::Result& run) const {
  const int good = run.curve.back().epoch;
  sounder::Options unset = options_;
  unset.step = 0;
  const double default_step = first_step(problem_, unset, mode_, workers_);
  run.divergence = Divergence{.epoch = good + 1, .examples = 0, .loss = NAN, .step = step_at(good)};
  run.advice = fmt::format("diverged in epoch {} at step {:.3g}: try --step {:.2g}; the parameters are those after epoch {}", good + 1,
                           step_at(good), std::min(default_step, step_at(0) / 4), good);
}

}  // namespace sounder::mpi
