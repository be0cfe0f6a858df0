#include "curve.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

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

RankCurve::RankCurve(Endpoint& endpoint, const Problem& problem, const sounder::Options& options, const RankModeEntry& entry, int workers,
                     Team& team)
    : endpoint_(endpoint),
      problem_(problem),
      options_(options),
      entry_(entry),
      workers_(workers),
      evaluate_(endpoint, problem, team),
      at_(problem.kernel.layout),
      start_values_(packed_size(problem.kernel.layout)) {}

void RankCurve::start(const Parameters& parameters) {
  const RankEvaluator::Losses losses = evaluate_(parameters);
  scale_ = std::isfinite(losses.train) ? std::max(losses.train, kLeastScale) : losses.train;
  first_ = point_of(0, {}, losses);
  pack(parameters, start_values_);
}

void RankCurve::take(const Parameters& parameters, const Progress::Declared& when) {
  pack(parameters, packed_.emplace_back(start_values_.size()));
  lockstep_.push_back(when);
}

void RankCurve::collect(const End& end, RankDiscipline& mode, Parameters& parameters, sounder::Result& run) {
  run.curve = {first_};
  run.stopped = end.stopped.value_or(Stopped::epochs);
  std::vector<float> good = start_values_;
  const std::vector<Progress::Declared> declared = declared_points(end);
  bool sound = std::isfinite(scale_);
  for (int point = 1; sound && point <= static_cast<int>(declared.size()); ++point) {
    std::vector<float> packed = bring(point, mode);
    sound = add(point, declared[static_cast<std::size_t>(point) - 1], packed, run);
    if (sound) good = std::move(packed);
  }
  const double mine[] = {endpoint_.rank() == 0 ? end.seconds : 0., static_cast<double>(end.examples), static_cast<double>(end.bytes_sent)};
  const std::vector<double> all = all_sum<double>(endpoint_, mine);
  run.seconds = all[0];
  if (sound && run.stopped == Stopped::interrupted) {  // one more, of the epoch that was cut short
    std::vector<float> packed(start_values_.size());
    pack(parameters, packed);
    sound = add(static_cast<int>(declared.size()) + 1, {all[0], static_cast<std::uint64_t>(all[1]), static_cast<std::uint64_t>(all[2])}, packed, run);
    if (sound) good = std::move(packed);
  }
  if (!sound) run.stopped = Stopped::diverged;
  if (run.stopped == Stopped::diverged) explain_divergence(run);
  unpack(good, parameters);
}

bool RankCurve::add(int point, const Progress::Declared& when, std::span<const float> packed, sounder::Result& run) {
  unpack(packed, at_);
  const RankEvaluator::Losses losses = evaluate_(at_);
  if (!(losses.train <= kExplosion * scale_)) return false;
  run.curve.push_back(point_of(point, when, losses));
  if (options_.target_loss && !run.target_seconds && losses.train <= *options_.target_loss) run.target_seconds = when.seconds;
  return true;
}

/// The parameters of a point, the same on all ranks.
std::vector<float> RankCurve::bring(int point, RankDiscipline& mode) {
  std::vector<float> packed(start_values_.size());  // zero where this rank took none: one that only serves
  if (entry_.serves) {
    mode.pull_point(point, packed);
    return packed;
  }
  if (point <= taken()) packed = std::move(packed_[static_cast<std::size_t>(point) - 1]);
  if (entry_.replicas_differ)
    average_over_ranks(endpoint_, workers_, packed);
  else if (workers_ < endpoint_.size())
    copy_from(endpoint_, 0, packed);
  return packed;
}

/// What rank 0 noted of the points, on all ranks.
std::vector<Progress::Declared> RankCurve::declared_points(const End& end) {
  const std::vector<Progress::Declared>& mine = entry_.pace == Pace::free ? end.declared : lockstep_;
  const Payload all = broadcast(endpoint_, 0, endpoint_.rank() == 0 ? Payload::of(mine) : Payload());
  return {all.as<Progress::Declared>().begin(), all.as<Progress::Declared>().end()};
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
  return options_.step_at(std::clamp(epoch, 0, std::max(0, options_.epochs - 1)), default_step());
}

double RankCurve::default_step() const {
  return problem_.kernel.default_step * (entry_.replicas_differ ? factor_of_averaging(problem_.kernel, workers_) : 1);
}

void RankCurve::explain_divergence(sounder::Result& run) const {
  const int good = run.curve.back().epoch;
  run.divergence = Divergence{.epoch = good + 1, .examples = 0, .loss = NAN, .step = step_at(good)};
  run.advice = fmt::format("diverged in epoch {} at step {:.3g}: try --step {:.2g}; the parameters are those after epoch {}", good + 1,
                           step_at(good), std::min(default_step(), step_at(0) / 4), good);
}

}  // namespace sounder::mpi
