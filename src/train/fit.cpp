#include <sounder/train/fit.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/train/evaluate.hpp>

namespace sounder {
namespace {

constexpr double kExplosion = 10;  ///< a loss this many times that of the start values has exploded

using Clock = std::chrono::steady_clock;

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
    const bool begin = add_point(0);
    if (!std::isfinite(last().train_loss)) return finish(Stopped::diverged);
    if (!begin || stopped()) return finish(Stopped::interrupted);
    for (int epoch = 0; epoch < options_.epochs; ++epoch) {
      if (reached_target()) return finish(Stopped::target);
      run_epoch(epoch);
      const bool go_on = add_point(epoch + 1);
      if (diverged()) return finish(Stopped::diverged);
      if (!go_on || stopped()) return finish(Stopped::interrupted);
    }
    return finish(reached_target() ? Stopped::target : Stopped::epochs);
  }

 private:
  void start() {
    result_.parameters = Parameters(problem_.kernel.layout, backend_.memory());
    problem_.kernel.initialize(result_.parameters, options_.seed);
    if (problem_.start) from_saved(*problem_.start, problem_.kernel, problem_.train, result_.parameters);
    backend_.prepare(problem_.kernel, problem_.train, result_.parameters);
  }

  void run_epoch(int epoch) {
    step_ = options_.step_at(epoch, problem_.kernel.default_step);
    queue_.permute(options_.seed, static_cast<std::uint64_t>(epoch));
    observer_.on_epoch(epoch, queue_);
    const int rounds = exchange_.rounds_per_epoch();
    const auto cut = [&](int i) { return queue_.chunks() * static_cast<std::size_t>(i) / static_cast<std::size_t>(rounds); };
    for (int i = 0; i < rounds; ++i) {
      const double seen = static_cast<double>(problem_.train.size()) * (epoch + static_cast<double>(i + 1) / rounds);
      const Round round{.epoch = epoch,
                        .index = epoch * rounds + i,
                        .rate = static_cast<float>(step_),
                        .l1 = static_cast<float>(problem_.kernel.l1 * seen)};
      queue_.open(cut(i), cut(i + 1), backend_.team().size());
      const auto begin = Clock::now();
      exchange_.begin(round, result_.parameters);
      backend_.run(round, queue_);
      exchange_.end(round, result_.parameters);
      result_.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
      examples_ += queue_.taken() * static_cast<std::size_t>(backend_.visits());
    }
  }

  bool add_point(int epoch) {
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
    result_.curve.push_back(point);
    return observer_.on_point(point);
  }

  const Point& last() const { return result_.curve.back(); }
  bool stopped() const { return options_.stop && options_.stop->load(std::memory_order_relaxed); }
  bool reached_target() {
    if (!options_.target_loss || !(last().train_loss <= *options_.target_loss)) return false;
    result_.target_seconds = last().seconds;
    return true;
  }
  bool diverged() const {
    const double first = result_.curve.front().train_loss;
    return !std::isfinite(last().train_loss) || last().train_loss > kExplosion * std::max(first, 1e-6);
  }

  Result finish(Stopped stopped) {
    exchange_.finish(result_.parameters);
    result_.stopped = stopped;
    result_.telemetry = backend_.telemetry();
    result_.digest = digest(to_saved(problem_.kernel, result_.parameters, problem_.train));
    if (stopped == Stopped::diverged)
      result_.advice = fmt::format("diverged in epoch {} ({}) at step {:.3g}: try --step {:.2g}", last().epoch,
                                   std::isfinite(last().train_loss) ? fmt::format("loss {:.4g}", last().train_loss)
                                                                    : std::string("the loss is not a number"),
                                   step_, smaller_step());
    return std::move(result_);
  }

  /// The default where the given step was far above it, else a quarter.
  double smaller_step() const {
    const double standard = problem_.kernel.default_step;
    return std::min(standard, options_.step_at(0, standard) / 4);
  }

  const Problem& problem_;
  const Options& options_;
  Backend& backend_;
  Exchange& exchange_;
  Observer& observer_;
  ChunkQueue queue_;
  Result result_;
  std::uint64_t examples_ = 0;
  double step_ = 0;
};

}  // namespace

Result fit(const Problem& problem, const Options& options, Backend& backend, Exchange& exchange, Observer& observer) {
  options.validate();
  if (problem.kernel.rule != options.rule)
    throw Error(fmt::format("the kernel was made for --rule {}, not {}: make it anew", name_of(kRules, problem.kernel.rule),
                            name_of(kRules, options.rule)));
  if (problem.train.size() == 0) throw Error(fmt::format("{} holds no examples", problem.train.name()));
  return Run(problem, options, backend, exchange, observer)();
}

Result fit(const Problem& problem, const Options& options, Backend& backend) {
  Exchange alone;
  Observer nobody;
  return fit(problem, options, backend, alone, nobody);
}

}  // namespace sounder
