#include <sounder/mpi/fit.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <sounder/error.hpp>
#include <sounder/train/sentinel.hpp>

#include "accounts.hpp"
#include "batch.hpp"
#include "checkpoints.hpp"
#include "collectives.hpp"
#include "curve.hpp"
#include "evaluate.hpp"
#include "facts.hpp"
#include "hello.hpp"
#include "modes/mode.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "round_times.hpp"
#include "straggler.hpp"
#include "trace.hpp"

namespace sounder::mpi {
namespace {

constexpr int kMostBetweenLooks = 64;  ///< rounds in lockstep between two looks whether someone wants to stop

/// One run of fit on one rank, taken apart into its stages.
class Run {
 public:
  Run(World& world, const Problem& problem, const sounder::Options& options, const Options& between, Backend& backend, RankObserver& observer)
      : world_(world),
        endpoint_(world.endpoint()),
        problem_(problem),
        options_(options),
        between_(between),
        backend_(backend),
        entry_(entry_of(between.mode)),
        workers_(endpoint_.size() - between.dedicated_servers),
        trains_(endpoint_.rank() < workers_),
        straggler_(between.straggler, between.pad_seconds, endpoint_.size(), options.seed),
        times_(endpoint_, straggler_),
        rounds_per_epoch_(rounds_per_epoch()),
        first_epoch_(problem.resume ? problem.resume->epochs : 0),
        queue_(problem.train.data.size(), examples_per_chunk(), options.stop),
        parameters_(backend.make_parameters(problem.kernel.layout)),
        accounts_(endpoint_),
        checkpoints_(world, problem, options, between, observer),
        curve_(endpoint_, problem, options, between.mode, workers_, backend.team()),
        progress_(endpoint_,
                  {.all_examples = problem.train.all_examples, .epochs = options.epochs, .already = first_epoch_, .counts = entry_.pace == Pace::free, .workers = workers_},
                  [this](int point) { if (entry_.serves) mode_->mark_point(point); }, observer) {
    own_.host = world.host();
    if (between.trace_spans > 0) endpoint_.trace_to(std::make_unique<Trace>(between.trace_spans));
  }

  Result operator()() {
    start();
    if (!std::isfinite(curve_.scale()))
      stopped_ = Stopped::diverged;
    else if (options_.epochs > 0)
      train();
    const RankCurve::End end{.stopped = stopped_,
                             .seconds = accounts_.seconds(),
                             .examples = own_.examples,
                             .bytes_sent = accounts_.bytes_sent() + (endpoint_.rank() == 0 ? accounts_.bytes_already() : 0),
                             .declared = progress_.declared()};
    accounts_.close(own_);
    leave();
    mode_->finish();
    curve_.collect(end, *mode_, parameters_, result_.run);
    write_checkpoint();
    if (problem_.test && problem_.kernel.task == Task::binary)
      result_.test_auc = auc_over_ranks(endpoint_, problem_.kernel, parameters_, *problem_.test, backend_.team());
    report_ranks(endpoint_, own_, accounts_.links_before(), accounts_.links_after(), mode_->telemetry(), backend_.telemetry(), between_.audit, result_);
    if (between_.trace_spans > 0) result_.trace = gather_traces(endpoint_);
    mode_.reset();
    barrier(endpoint_);  // nobody needs this rank's servers any more
    result_.run.digest = digest(to_saved(problem_.kernel, parameters_, problem_.train.data));
    result_.run.parameters = std::move(parameters_);
    return std::move(result_);
  }

 private:
  /// As many as it takes to visit each example once, at the asked number of examples a round over all ranks.
  int rounds_per_epoch() const {
    const std::uint64_t batch = batch_of(options_, between_, problem_.train.all_examples);
    return static_cast<int>(std::max<std::uint64_t>(1, (problem_.train.all_examples + batch - 1) / batch));
  }

  /// So that every round of this rank has a chunk for each of its workers, where it has so many examples.
  std::size_t examples_per_chunk() const {
    const std::size_t own = problem_.train.data.size();
    const auto parts = static_cast<std::size_t>(rounds_per_epoch_) * static_cast<std::size_t>(backend_.team().size());
    return std::clamp<std::size_t>(own / parts, 1, std::max<std::size_t>(1, chunk_size(own, problem_.train.data.nonzeros())));
  }

  void start() {
    problem_.kernel.initialize(parameters_, options_.seed);
    if (problem_.start) from_saved(*problem_.start, problem_.kernel, problem_.train.data, parameters_);
    if (problem_.resume) from_saved(problem_.resume->state, problem_.kernel, problem_.train.data, parameters_, RowPart::whole);
    checkpoints_.keep(parameters_, first_epoch_);
    backend_.prepare(problem_.kernel, problem_.train.data, parameters_);
    if (!backend_.in_order()) throw Error("--placement split deals out whole epochs, and a round between ranks is a part of one: give --placement mirror");
    curve_.start(parameters_);
    sentinel_.emplace(problem_.kernel, problem_.train.data.examples(), parameters_, curve_.scale());
    queue_.watch(&*sentinel_);
    mode_ = entry_.make({.world = world_,
                         .endpoint = endpoint_,
                         .workers = workers_,
                         .kernel = problem_.kernel,
                         .data = problem_.train.data,
                         .shard_begins = problem_.train.shard_begins,
                         .first_shard = problem_.train.first_shard,
                         .all_examples = problem_.train.all_examples,
                         .parameters = parameters_,
                         .backend = backend_,
                         .options = options_,
                         .mpi = between_,
                         .first_round = first_epoch_ * rounds_per_epoch_,
                         .notes = problem_.resume ? &problem_.resume->state.facts : nullptr});
    barrier(endpoint_);
    const Point& last = curve_.points().back();
    accounts_.start(last.seconds, last.bytes_sent);
    progress_.start();
  }

  void write_checkpoint() {
    checkpoints_.write(curve_.points(), curve_.scale(), first_step(problem_, options_, between_.mode, workers_), mode_->notes(), result_.run);
  }

  // --- training ------------------------------------------------------------------------------------------------------

  void train() {
    if (!trains_)
      serve();
    else if (entry_.pace == Pace::lockstep)
      train_in_lockstep();
    else
      train_freely();
  }

  /// Waits for the end while the communication thread does the work.
  void serve() {
    endpoint_.idle([&] { return progress_.stopped(); });
    if (!progress_.stopped()) throw RankLost(endpoint_.failure());
    stopped_ = progress_.reason();
  }

  void train_in_lockstep() {
    const int between_looks = std::clamp(rounds_per_epoch_ / 4, 1, kMostBetweenLooks);
    for (int epoch = first_epoch_; epoch < options_.epochs && !stopped_; ++epoch) {
      open_epoch(epoch, epoch);
      for (int i = 0; i < rounds_per_epoch_ && !stopped_; ++i) {
        run_round(epoch, i);
        progress_.report(own_.rounds, round_examples_, 0, std::nullopt);
        if ((i + 1) % between_looks == 0 || i + 1 == rounds_per_epoch_) agree_to_stop();
      }
      if (!stopped_) accounts_.leave_out([&] { end_epoch(epoch + 1); });
    }
    if (endpoint_.rank() == 0) progress_.end(stopped_.value_or(Stopped::epochs));
  }

  /// All ranks stop behind the same round, or none does. A look at flags that only one rank has.
  void agree_to_stop() {
    const std::optional<Stopped> mine = wish_to_stop();
    const double wishes[] = {mine == Stopped::interrupted ? 1. : 0., mine == Stopped::diverged ? 1. : 0., static_cast<double>(accounts_.bytes_sent())};
    const std::vector<double> all = all_sum<double>(endpoint_, wishes);
    all_bytes_ = accounts_.bytes_already() + static_cast<std::uint64_t>(all[2]);
    if (all[0] + all[1] > 0) stopped_ = all[1] > 0 ? Stopped::diverged : Stopped::interrupted;
  }

  void end_epoch(int epochs) {
    const double seconds = accounts_.seconds();
    mode_->refresh();
    curve_.take(parameters_, {seconds, problem_.train.all_examples * static_cast<std::uint64_t>(epochs), all_bytes_});
    const bool due = checkpoints_.due(epochs);
    if (due && !curve_.evaluate_taken(*mode_)) return static_cast<void>(stopped_ = Stopped::diverged);
    checkpoints_.keep(parameters_, epochs);
    if (due) write_checkpoint();
  }

  void train_freely() {
    const bool fixed = between_.balance == BalanceName::fixed;
    for (int epoch = 0; queue_.examples() > 0 && !progress_.stopped() && (!fixed || epoch < options_.epochs); ++epoch) {
      open_epoch(epoch, fixed ? epoch : progress_.points());
      for (int i = 0; i < rounds_per_epoch_ && !progress_.stopped(); ++i) {
        if (!fixed) step_ = curve_.step_at(progress_.points());
        run_round(epoch, i);
        progress_.report(own_.rounds, round_examples_, accounts_.bytes_sent(), wish_to_stop());
        take_free_points();
      }
    }
    leave();
    serve();  // until all have done enough
    take_free_points();
  }

  /// Those that rank 0 has declared: of the parameters as they are on this rank between its rounds.
  void take_free_points() {
    if (entry_.serves || curve_.taken() >= progress_.points()) return;
    mode_->refresh();
    while (curve_.taken() < progress_.points()) curve_.take(parameters_);
  }

  std::optional<Stopped> wish_to_stop() {
    if (sentinel_->take_finding()) return Stopped::diverged;
    if (options_.stop && options_.stop->load(std::memory_order_relaxed)) return Stopped::interrupted;
    return std::nullopt;
  }

  void leave() {
    if (!std::exchange(left_, true)) mode_->leave();
  }

  /// `epoch` of this rank's own examples; `global` rules the step size.
  void open_epoch(int epoch, int global) {
    step_ = curve_.step_at(global);
    queue_.permute(options_.seed + static_cast<std::uint64_t>(endpoint_.rank()), static_cast<std::uint64_t>(epoch));
  }

  void run_round(int epoch, int i) {
    const auto cut = [&](int k) { return queue_.chunks() * static_cast<std::size_t>(k) / static_cast<std::size_t>(rounds_per_epoch_); };
    const double seen = static_cast<double>(problem_.train.all_examples) * (epoch + static_cast<double>(i + 1) / rounds_per_epoch_);
    queue_.open(cut(i), cut(i + 1), backend_.team().size());
    const std::vector<Range> ranges = queue_.ranges();
    const RankRound round{.round = {.epoch = epoch,
                                    .index = first_epoch_ * rounds_per_epoch_ + static_cast<int>(own_.rounds),
                                    .rate = static_cast<float>(step_),
                                    .l1 = static_cast<float>(problem_.kernel.l1 * seen)},
                          .queue = queue_,
                          .ranges = ranges,
                          .pad_to = [&](double share) { times_.pad_to(own_.rounds, share); }};
    times_.begin();
    mode_->run(round, [&] { times_.pad(own_.rounds, queue_.taken()); });
    times_.end(own_);
    round_examples_ = queue_.taken() * static_cast<std::size_t>(backend_.visits());
    own_.examples += round_examples_;
    ++own_.rounds;
  }

  World& world_;
  Endpoint& endpoint_;
  const Problem& problem_;
  const sounder::Options& options_;
  const Options& between_;
  Backend& backend_;
  const RankModeEntry entry_;
  const int workers_;
  const bool trains_;
  const Straggler straggler_;
  RoundTimes times_;
  const int rounds_per_epoch_;
  const int first_epoch_;  ///< not 0: a run that goes on
  ChunkQueue queue_;
  Parameters parameters_;
  Accounts accounts_;
  RankCheckpoints checkpoints_;
  RankCurve curve_;
  std::unique_ptr<RankDiscipline> mode_;
  Progress progress_;
  std::optional<Sentinel> sentinel_;
  std::optional<Stopped> stopped_;
  Result result_;
  RankReport own_;
  double step_ = 0;
  std::size_t round_examples_ = 0;
  std::uint64_t all_bytes_ = 0;
  bool left_ = false;
};

}  // namespace

Result fit(World& world, const Problem& problem, const sounder::Options& options, const Options& between, Backend& backend,
           RankObserver& observer) {
  options.validate();
  between.validate(world.size());
  check_same(world.endpoint(), facts_of_run(problem, options, between));
  check_resume(world, problem, options, between);
  return Run(world, problem, options, between, backend, observer)();
}

}  // namespace sounder::mpi
