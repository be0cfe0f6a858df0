#include <sounder/train/fit.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <typeinfo>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/train/evaluate.hpp>
#include <sounder/train/sentinel.hpp>

namespace sounder {

namespace {

constexpr double kExplosion = 10;     ///< a loss this many times that of the start values has exploded
constexpr double kLeastScale = 1e-6;  ///< of a loss: start values may be perfect
constexpr int kMostBackoffs = 10;     ///< a thousandth of the step: then the step is not what is wrong

using Clock = std::chrono::steady_clock;

/// Where a run can go on from after a divergence: its state at the last point of the curve that ends a whole epoch.
struct LastGood {
  Parameters parameters;
  int epochs = -1;  ///< done; -1: there is no such state yet
};

std::map<std::string, std::string> facts(const Problem& problem, const Options& options) {
  std::map<std::string, std::string> all = facts_of(problem.kernel, options);
  all.insert(problem.facts.begin(), problem.facts.end());
  return all;
}

/// One run of fit, taken apart into its stages.
class Run {
 public:
  Run(const Problem& problem, const Options& options, Backend& backend, Exchange& exchange, Observer& observer)
      : problem_(problem),
        options_(options),
        backend_(backend),
        exchange_(exchange),
        observer_(observer),
        queue_(problem.train.size(), chunk_size(problem.train.size(), problem.train.nonzeros()), options.stop) {}
  ~Run() { observer_.on_end(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Result operator()() {
    start();
    if (problem_.resume) {
      if (!resume(*problem_.resume)) return finish(Stopped::interrupted);
    } else {
      const Point first = measure(0);
      const bool begin = add(first);
      if (!std::isfinite(first.train_loss)) return finish(Stopped::diverged);
      if (!begin || stopped()) return finish(Stopped::interrupted);
      scale_ = std::max(first.train_loss, kLeastScale);
      keep(0);
    }
    watch();
    while (good_.epochs < options_.epochs) {
      if (reached_target()) return finish(Stopped::target);
      run_epoch(good_.epochs);
      if (const auto divergence = evaluate_epoch()) {
        restore();
        if (back_off(*divergence)) continue;
        result_.divergence = divergence;
        result_.advice = advice(*divergence);
        return finish(Stopped::diverged);
      }
      if (!go_on_ || stopped()) return finish(Stopped::interrupted);
      if (options_.every > 0 && good_.epochs % options_.every == 0) checkpoint();
    }
    return finish(reached_target() ? Stopped::target : Stopped::epochs);
  }

 private:
  void start() {
    result_.parameters = backend_.make_parameters(problem_.kernel.layout);
    good_.parameters = Parameters(problem_.kernel.layout);
    problem_.kernel.initialize(result_.parameters, options_.seed);
    if (problem_.start) from_saved(*problem_.start, problem_.kernel, problem_.train, result_.parameters);
    if (problem_.resume)
      from_saved(problem_.resume->state, problem_.kernel, problem_.train, result_.parameters, RowPart::whole);
    backend_.prepare(problem_.kernel, problem_.train, result_.parameters);
  }

  /// Goes on with an earlier run; its points are told again, so that records hold the whole curve.
  bool resume(const Checkpoint& checkpoint) {
    scale_ = checkpoint.scale;
    result_.backoffs = checkpoint.backoffs;
    for (const Point& point : checkpoint.curve) go_on_ &= add(point);
    result_.seconds = last().seconds;
    examples_ = last().examples;
    step_ = last().step;
    keep(checkpoint.epochs);
    return go_on_ && !stopped();
  }

  /// Writes the last good state. A full disk must not end the training that it was to save.
  void checkpoint() {
    if (options_.checkpoint.empty() || good_.epochs < 0) return;
    if (result_.checkpoint_epochs == good_.epochs && checkpoint_backoffs_ == result_.backoffs.size()) return;
    try {
      save(make_checkpoint(), options_.checkpoint);
      result_.checkpoint_epochs = good_.epochs;
      checkpoint_backoffs_ = result_.backoffs.size();
      result_.checkpoint_error.clear();
    } catch (const std::exception& error) {
      if (result_.checkpoint_error.empty()) observer_.on_checkpoint_lost(error.what());
      result_.checkpoint_error = error.what();
    }
  }

  Checkpoint make_checkpoint() const {
    Checkpoint checkpoint{.data = problem_.train.name(),
                          .data_digest = problem_.train.digest(),
                          .state = to_saved(problem_.kernel, good_.parameters, problem_.train, RowPart::whole),
                          .epochs = good_.epochs,
                          .scale = scale_,
                          .curve = {},
                          .backoffs = result_.backoffs,
                          .file = {}};
    checkpoint.state.facts = facts(problem_, options_);
    for (const Point& point : result_.curve)
      if (point.epoch <= good_.epochs) checkpoint.curve.push_back(point);  // none of an epoch that was cut short
    return checkpoint;
  }

  void watch() {
    sentinel_.emplace(problem_.kernel, problem_.train.examples(), result_.parameters, scale_);
    queue_.watch(&*sentinel_);
  }

  void run_epoch(int epoch) {
    step_ = step_at(epoch);
    taken_ = 0;
    queue_.permute(options_.seed, static_cast<std::uint64_t>(epoch));
    observer_.on_epoch(epoch, queue_);
    const int rounds = exchange_.rounds_per_epoch();
    const auto cut = [&](int i) {
      return queue_.chunks() * static_cast<std::size_t>(i) / static_cast<std::size_t>(rounds);
    };
    for (int i = 0; i < rounds && !finding_; ++i) {
      const double seen = static_cast<double>(problem_.train.all_examples()) * (epoch + static_cast<double>(i + 1) / rounds);
      const Round round{.epoch = epoch,
                        .index = epoch * rounds + i,
                        .rate = static_cast<float>(step_),
                        .untouched = typeid(exchange_) == typeid(Exchange),  // others may change them between rounds
                        .l1 = static_cast<float>(problem_.kernel.l1 * seen)};
      queue_.open(cut(i), cut(i + 1), backend_.team().size());
      const auto begin = Clock::now();
      exchange_.begin(round, result_.parameters);
      backend_.run(round, queue_);
      exchange_.end(round, result_.parameters);
      result_.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
      taken_ += queue_.taken();
      finding_ = sentinel_->take_finding();
    }
    examples_ += taken_ * static_cast<std::size_t>(backend_.visits());
  }

  /// Every back-off halves all steps from then on.
  double step_at(int epoch) const {
    return std::ldexp(options_.step_at(epoch, problem_.kernel.default_step),
                      -static_cast<int>(result_.backoffs.size()));
  }

  bool back_off(const Divergence& divergence) {
    if (!options_.backoff || stopped() || result_.backoffs.size() == kMostBackoffs) return false;
    result_.backoffs.push_back({.divergence = divergence, .epochs = good_.epochs, .step = 0});
    result_.backoffs.back().step = step_at(good_.epochs);
    on_gpu_before_ += backend_.telemetry().gpu_updates.value_or(0);  // as updates, they stay counted
    backend_.prepare(problem_.kernel, problem_.train, result_.parameters);  // its mode may remember the bad ones
    observer_.on_backoff(result_.backoffs.back());
    return true;
  }

  /// Adds the point of the epoch that ran, and keeps its state; a point that is not good is not added.
  std::optional<Divergence> evaluate_epoch() {
    Divergence divergence{.epoch = good_.epochs + 1, .examples = taken_, .loss = 0, .step = step_};
    if (finding_) {
      divergence.loss = std::exchange(finding_, std::nullopt)->loss;
      return divergence;
    }
    const Point point = measure(good_.epochs + 1);
    divergence.loss = point.train_loss;
    if (!(point.train_loss <= kExplosion * scale_)) return divergence;
    if (taken_ == queue_.examples() || !stopped()) keep(good_.epochs + 1);  // not where a stop has cut it short
    go_on_ = add(point);
    return std::nullopt;
  }

  Point measure(int epoch) {
    const Evaluation train = evaluate(problem_.kernel, result_.parameters, problem_.train, backend_.team());
    Point point{.epoch = epoch,
                .seconds = result_.seconds,
                .examples = examples_,
                .updates = examples_,
                .train_loss = train.loss + problem_.kernel.penalty(result_.parameters),
                .test_loss = {},
                .test_metric = {},
                .step = step_};
    if (problem_.test) {
      const Evaluation test = evaluate(problem_.kernel, result_.parameters, *problem_.test, backend_.team());
      point.test_loss = test.loss;
      point.test_metric = test.metric;
    }
    return point;
  }

  bool add(const Point& point) {
    result_.curve.push_back(point);
    return observer_.on_point(point);
  }

  /// Outside of the training clock, like the evaluation, and cheap beside it: one pass over the parameters.
  void keep(int epochs) {
    good_.epochs = epochs;
    copy(result_.parameters, good_.parameters);
  }
  void restore() { copy(good_.parameters, result_.parameters); }
  static void copy(const Parameters& from, Parameters& to) {
    std::copy_n(from.memory().data(), from.memory().floats(), to.memory().data());
  }

  const Point& last() const { return result_.curve.back(); }
  bool stopped() const { return options_.stop && options_.stop->load(std::memory_order_relaxed); }
  bool reached_target() {
    if (!options_.target_loss || !(last().train_loss <= *options_.target_loss)) return false;
    result_.target_seconds = last().seconds;
    return true;
  }

  Result finish(Stopped stopped) {
    exchange_.finish(result_.parameters);
    checkpoint();
    result_.stopped = stopped;
    result_.telemetry = backend_.telemetry();
    if (auto& on_gpu = result_.telemetry.gpu_updates) *on_gpu += on_gpu_before_;
    result_.digest = digest(to_saved(problem_.kernel, result_.parameters, problem_.train));
    return std::move(result_);
  }

  std::string advice(const Divergence& divergence) const {
    return fmt::format("{}: try --step {:.2g}{}; the parameters are those after epoch {}", text_of(divergence),
                       smaller_step(), options_.backoff ? "" : " or --backoff", good_.epochs);
  }

  /// The default where the given step was far above it, else a quarter.
  double smaller_step() const {
    const double standard = problem_.kernel.default_step;
    return std::min(standard, step_at(0) / 4);
  }

  const Problem& problem_;
  const Options& options_;
  Backend& backend_;
  Exchange& exchange_;
  Observer& observer_;
  ChunkQueue queue_;
  Result result_;
  LastGood good_;
  std::uint64_t on_gpu_before_ = 0;  ///< updates of a GPU before the last back-off
  std::optional<Sentinel> sentinel_;
  std::optional<Sentinel::Finding> finding_;  ///< of the epoch that ran
  double scale_ = kLeastScale;
  std::uint64_t examples_ = 0, taken_ = 0;  ///< in the whole run, in the epoch
  double step_ = 0;
  bool go_on_ = true;
  std::size_t checkpoint_backoffs_ = 0;  ///< back-offs that the last checkpoint knows of
};

}  // namespace

void check_resume(const Problem& problem, const Options& options) {
  if (problem.resume) check_checkpoint(*problem.resume, problem.kernel, problem.train, facts(problem, options));
}

Result fit(const Problem& problem, const Options& options, Backend& backend, Exchange& exchange, Observer& observer) {
  options.validate();
  if (problem.kernel.rule != options.rule)
    throw Error(fmt::format("the kernel was made for --rule {}, not {}: make it anew", name_of(kRules, problem.kernel.rule),
                            name_of(kRules, options.rule)));
  if (problem.train.size() == 0) throw Error(fmt::format("{} holds no examples", problem.train.name()));
  check_resume(problem, options);
  return Run(problem, options, backend, exchange, observer)();
}

Result fit(const Problem& problem, const Options& options, Backend& backend) {
  Exchange alone;
  Observer nobody;
  return fit(problem, options, backend, alone, nobody);
}

}  // namespace sounder
