#include "session_mpi.hpp"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include <sounder/cuda/backend.hpp>
#include <sounder/error.hpp>
#include <sounder/mpi/fit.hpp>
#include <sounder/mpi/step_race.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/shm/topology.hpp>
#include <sounder/train/evaluate.hpp>

#include "collectives.hpp"
#include "measured_mpi.hpp"
#include "place_mpi.hpp"
#include "predictions.hpp"
#include "preparation.hpp"
#include "records_mpi.hpp"
#include "reporter_mpi.hpp"

namespace sounder::bench {
namespace {

/// What one rank does. Rank 0 alone writes and prints.
class Session {
 public:
  Session(mpi::World& world, const MpiSettings& settings)
      : settings_(settings),
        world_(world),
        first_(world.rank() == 0),
        out_(settings.json == "-" ? stderr : stdout),
        plan_(plan_of(settings, world.size())),
        workers_(world.size() - settings.between.dedicated_servers) {
    if (settings_.verbose) introduce_rank();
    load_all();
    kernel_.emplace(builtin_kernel(settings_.model, train_->data, settings_.options.rule));
    if (start_) check_saved(*start_, *kernel_);  // before any file is opened
    if (settings_.race) choose_step();
    for (const PlannedRanks& planned : plan_) {
      mpi::check_resume(world_, problem(), options_of(planned), between_of(planned));
      const cuda::Caps caps = cuda::check(gpu_of(planned), settings_.gpu.device, *kernel_, *shm::make_backend(options_of(planned)), world_.local_rank());
      if (planned.node_mode.uses_gpu()) gpu_ = caps.name;
    }
    if (first_ && !settings_.json.empty()) files_.emplace_back(settings_.json, own_columns());
    if (first_ && !settings_.curve.empty()) files_.emplace_back(settings_.curve, own_columns());
  }

  int run() {
    introduce();
    std::deque<mpi::Result> results;
    std::vector<TableRow> rows;
    std::string remarks, ranks;
    for (const PlannedRanks& planned : plan_) {
      RunFacts facts = facts_of(planned, static_cast<int>(results.size()));
      results.push_back(run_one(planned, facts));
      const mpi::Result& result = results.back();
      if (first_) {
        rows.push_back({.name = facts.name, .result = &result.run, .auc = facts.auc, .more = own_cells(result)});
        if (!facts.remark.empty()) remarks += fmt::format("{}: {}\n", facts.name.label(), facts.remark);
        ranks += ranks_text(facts.name.label(), result);
      }
      if (result.run.stopped == Stopped::interrupted) break;  // all ranks agree on it
    }
    if (first_) conclude(rows, remarks + ranks);
    const auto any = [&](Stopped why) {
      return std::any_of(results.begin(), results.end(), [&](const mpi::Result& r) { return r.run.stopped == why; });
    };
    const auto lost = std::find_if(results.begin(), results.end(), [](const mpi::Result& r) { return !r.run.checkpoint_error.empty(); });
    if (lost != results.end()) {  // on rank 0
      fmt::print(stderr, "bench_mpi: the last checkpoint is lost: {}\n", lost->run.checkpoint_error);
      return kBadInput;
    }
    return any(Stopped::interrupted) ? kInterrupted : any(Stopped::diverged) ? kDiverged : kAllRan;
  }

 private:
  /// In the words of torchrun too.
  void introduce_rank() const {
    fmt::print(out_, "rank {} of {}, local rank {} on {} (RANK={} LOCAL_RANK={} WORLD_SIZE={})\n", world_.rank(), world_.size(),
               world_.local_rank(), world_.host(), world_.rank(), world_.local_rank(), world_.size());
    std::fflush(out_);
  }

  void load_all() {
    const double begin = now();
    std::vector<std::vector<std::uint32_t>> extra;
    if (!settings_.start.empty()) {
      start_ = load_model(settings_.start);
      check_prepared(*start_, settings_);
    }
    if (!settings_.resume.empty()) resume_ = load_checkpoint(settings_.resume);
    const std::uint32_t spaces = settings_.load.format == Format::ratings ? 2 : 1;
    if (start_) extra = start_->ids_by_space(spaces);
    if (resume_) extra = resume_->ids_by_space(spaces);
    train_ = mpi::load_train(world_, workers_, settings_.data, settings_.load, settings_.between.partition, settings_.options.seed, extra);
    if (start_) check_classes(*start_, settings_, train_->data);
    if (!settings_.test.empty()) test_ = mpi::load_test(world_, workers_, settings_.test, settings_.load, *train_);
    load_seconds_ = now() - begin;
    if (first_ && settings_.transport != TransportName::sim) core_to_core_ns_ = shm::core_to_core_ns();
  }

  /// Finds what --step auto stands for; raced_step_ is it, for one process.
  void choose_step() {
    if (resume_) {  // the race has been run, for its mode
      if (const auto step = resume_->state.facts.find("step"); step != resume_->state.facts.end()) resumed_step_ = std::stod(step->second);
      return;
    }
    const double begin = now();
    const StepRace race = mpi::race_steps(world_, problem(), settings_.options);
    raced_step_ = race.step;
    raced_ = fmt::format(" (the best of {} in a race of {:.2f} s)", race.trials.size(), now() - begin);
  }

  Options options_of(const PlannedRanks& planned) const {
    Options options = settings_.options;
    options.mode = planned.node_mode.cpu;
    options.threads = planned.threads;
    options.stop = &interrupted();
    if (resumed_step_) options.step = *resumed_step_;
    if (raced_step_) options.step = *raced_step_ * mpi::step_factor(*kernel_, planned.mode, workers_);
    return options;
  }

  mpi::Options between_of(const PlannedRanks& planned) const {
    mpi::Options between = settings_.between;
    between.mode = planned.mode;
    between.trace_spans = spans_of(settings_, world_.size());
    return between;
  }

  cuda::GpuOptions gpu_of(const PlannedRanks& planned) const {
    cuda::GpuOptions gpu = settings_.gpu.options;
    gpu.mode = planned.node_mode.gpu;
    gpu.may_split = false;
    gpu.gathers = mpi::gathers_gradients(planned.mode);
    return gpu;
  }

  mpi::Problem problem() const {
    return {.kernel = *kernel_,
            .train = *train_,
            .test = test_ ? &*test_ : nullptr,
            .start = start_ ? &*start_ : nullptr,
            .resume = resume_ ? &*resume_ : nullptr,
            .facts = preparation_of(settings_)};
  }

  DataFacts data_facts() const {
    DataFacts facts = DataFacts::of(train_->data);
    facts.examples = train_->all_examples;
    facts.nonzeros = train_->all_nonzeros;
    facts.digest = train_->digest;
    return facts;
  }

  void introduce() const {
    if (!first_ || settings_.quiet) return;
    const DataFacts data = data_facts();
    fmt::print(out_, "train {}: {} examples, {} features, {} nonzeros\n", data.name, data.examples, data.features, data.nonzeros);
    if (test_) fmt::print(out_, "test  {}: {} examples, {} nonzeros\n", test_->data.name(), test_->all_examples, test_->all_nonzeros);
    const double step = resumed_step_ ? *resumed_step_ : raced_step_ ? *raced_step_ : kernel_->default_step;
    fmt::print(out_, "model {}, step {:.4g}{}, {} rank{} ({}), loaded in {:.2f} s\n\n", kernel_->name,
               settings_.options.step_at(0, step), raced_, world_.size(), world_.size() == 1 ? "" : "s", world_.transport(),
               load_seconds_);
    std::fflush(out_);
  }

  RunFacts facts_of(const PlannedRanks& planned, int run) const {
    return {.name = {.run = run,
                     .mode = std::string(name_of(kRankModes, planned.mode)),
                     .node_mode = std::string(planned.node_mode.name()),
                     .threads = planned.threads,
                     .ranks = world_.size()},
            .task = kernel_->task,
            .data = data_facts(),
            .load_seconds = load_seconds_,
            .core_to_core_ns = core_to_core_ns_,
            .transport = world_.transport(),
            .gpu = planned.node_mode.uses_gpu() ? gpu_ : "",
            .auc = {},
            .efficiency = {},
            .reference = {},
            .remark = {}};
  }

  mpi::Result run_one(const PlannedRanks& planned, RunFacts& facts) {
    Options options = options_of(planned);
    const mpi::Options between = between_of(planned);
    const shm::Pinned placed(place(settings_, world_, options, warned_));
    Settings told = settings_;
    told.options.step = options.step;
    for (RecordFile& file : files_) file.write(run_record(told, facts, own_options(settings_, between, planned.node_mode.uses_gpu())));

    const auto backend = cuda::make_backend(gpu_of(planned), settings_.gpu.device, shm::make_backend(options), world_.local_rank());
    mpi::Result result = [&] {
      RankReporter reporter(settings_.program, facts.name.label(), options.epochs, settings_.quiet || !first_);
      return mpi::fit(world_, problem(), options, between, *backend, reporter);
    }();
    facts.remark = fmt::format("{}{}{}", result.remark, result.remark.empty() || backend->remark().empty() ? "" : "; ", backend->remark());
    facts.auc = result.test_auc;
    if (first_) {
      for (RecordFile& file : files_) {
        for (const Point& point : result.run.curve) file.write(point_record(facts, point));
        file.write(summary_record(facts, result));
      }
      write_outputs(result.run, backend->team());
    }
    write_measured(world_, settings_, result);
    result.run.parameters = {};  // the table needs the curve only
    return result;
  }

  void write_outputs(const Result& result, Team& team) {
    if (result.checkpoint_epochs >= 0 && result.checkpoint_error.empty() && result.stopped == Stopped::interrupted)
      fmt::print(stderr, "bench_mpi: interrupted after epoch {}: give the same flags and --resume {} to go on\n", result.checkpoint_epochs,
                 settings_.options.checkpoint);
    if (!settings_.save.empty() && result.stopped == Stopped::diverged)
      fmt::print(stderr, "bench_mpi: --save {} was not written: the run diverged\n", settings_.save);
    else if (!settings_.save.empty())
      save(saved_of(*kernel_, result.parameters, train_->data, settings_), settings_.save);
    if (settings_.predict.empty()) return;
    // Every rank has a part of the set, in an order of its own; this one reads all of it once more.
    const Dataset set = Dataset::test(load(settings_.test.empty() ? settings_.data : settings_.test, settings_.load), train_->data);
    write_predictions(settings_.predict, *kernel_, predict(*kernel_, result.parameters, set, team), set);
  }

  void conclude(const std::vector<TableRow>& rows, const std::string& more) const {
    if (!settings_.quiet)
      fmt::print(out_, "{}{}{}", table_of(rows, data_facts(), kernel_->task), more,
                 findings_of(rows, settings_.options.telemetry == TelemetryName::full));
    for (const TableRow& row : rows)
      if (!row.result->advice.empty()) fmt::print(stderr, "bench_mpi: {}\n", row.result->advice);
    flush(out_);
  }

  const MpiSettings& settings_;
  mpi::World& world_;
  const bool first_;
  std::FILE* out_;
  const std::vector<PlannedRanks> plan_;
  const int workers_;  ///< ranks that train
  std::optional<SavedModel> start_;
  std::optional<Checkpoint> resume_;
  std::optional<double> raced_step_, resumed_step_;  ///< of --step auto
  std::string gpu_;                                  ///< its name, of this rank; "": none is asked for
  std::string raced_;                                ///< for people: how it came to its step
  std::optional<mpi::SharedSet> train_, test_;
  double load_seconds_ = 0;
  std::optional<double> core_to_core_ns_;
  std::optional<Kernel> kernel_;
  std::deque<RecordFile> files_;  ///< none on other ranks
  int warned_ = 0;                ///< of so many threads
};

int run_rank(mpi::World& world, const MpiSettings& settings) {
  Session session(world, settings);  // while it loads, a signal ends the process: there is nothing to report yet
  // mpirun passes SIGUSR1 on at once; of Ctrl-C it makes a SIGTERM, and has no patience.
  if (settings.transport == TransportName::mpi || world.rank() == 0) catch_signals({SIGINT, SIGTERM, SIGUSR1});
  return session.run();
}

}  // namespace

int run_session(const MpiSettings& settings) {
  const bool uses_gpu = std::any_of(settings.node_modes.begin(), settings.node_modes.end(), [](const NodeMode& mode) { return mode.uses_gpu(); });
  if (const cuda::DeviceStatus status = cuda::status_of(settings.gpu.device); uses_gpu && !settings.all_node_modes && status.absence != cuda::Absence::none) {
    if (settings.launch.rank == 0) fmt::print(stderr, "bench_mpi: {}\n", status.sentence);
    return kNoDevice;
  }
  const double deadline = settings.between.deadline_seconds;
  int of_rank_0 = kAllRan;  // written by: rank 0 of those in this process. Read by: the caller, when they have ended
  const auto rank = [&](mpi::World& world) {
    const int own = run_rank(world, settings);
    if (world.rank() == 0) of_rank_0 = own;
  };
  if (settings.transport == TransportName::inproc) {
    mpi::World::run_inproc(settings.ranks, rank, deadline);
    return of_rank_0;
  }
  if (settings.transport == TransportName::sim) {
    const std::vector<int> cpus = shm::usable_cpus();
    const shm::Pinned on_one(std::vector<int>(cpus.begin(), cpus.begin() + std::min<std::ptrdiff_t>(1, std::ssize(cpus))));  // a turn passes fastest there
    mpi::World::run_sim(settings.ranks, settings.sim, settings.options.seed, rank, deadline);
    return of_rank_0;
  }
  mpi::World world = mpi::World::of_mpi(deadline);
  // A World that is left by an exception would wait for the other ranks: they may wait for this one.
  return guarded([&] {
                   const int status = run_rank(world, settings);
                   mpi::barrier(world.endpoint());  // an output that rank 0 could not write ends all: nobody leaves as if all were well
                   return status;
                 },
                 [&](const std::string& sentence) {
                   world.fail(sentence);  // where only this rank knows of it
                   give_up(world.rank(), sentence, world.speaker());
                 });
}

}  // namespace sounder::bench
