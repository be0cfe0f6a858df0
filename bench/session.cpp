#include "session.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <new>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sounder/error.hpp>
#include <sounder/shm/advice.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/shm/record.hpp>
#include <sounder/shm/topology.hpp>
#include <sounder/train/evaluate.hpp>
#include <sounder/train/step_race.hpp>

#include "inspect.hpp"
#include "predictions.hpp"
#include "records.hpp"
#include "replays.hpp"
#include "terminal.hpp"

namespace sounder::bench {
namespace {

// Written by: the handler of SIGINT and SIGTERM. Read by: workers that pull chunks. Order: relaxed; only its value
// matters. A second signal ends the process at once.
std::atomic<bool> interrupted{false};
void on_signal(int signal) {
  interrupted.store(true, std::memory_order_relaxed);
  std::signal(signal, SIG_DFL);
}

constexpr const char* kTransformFact = "transform";
constexpr const char* kNormalizeFact = "normalize";
constexpr const char* kClassesFact = "classes";

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The data of all runs.
struct Loaded {
  std::optional<SavedModel> start;
  std::optional<Checkpoint> resume;
  std::optional<Dataset> train, test;
  double seconds = 0;
};

/// How the model and its examples were prepared: what a checkpoint must agree on besides the options of training.
std::map<std::string, std::string> preparation_of(const Settings& settings) {
  std::map<std::string, std::string> facts{{"l2", fmt::format("{}", settings.model.l2)},
                                           {kTransformFact, std::string(name_of(kTransforms, settings.load.transform))},
                                           {kNormalizeFact, std::string(name_of(kNormalizes, settings.load.normalize))}};
  facts["l1"] = fmt::format("{}", settings.model.l1);
  const ModelName model = settings.model.model;
  if (model == ModelName::mf || model == ModelName::fm) facts["factors"] = fmt::format("{}", settings.model.factors);
  if (model == ModelName::mlp) facts["hidden"] = fmt::format("{}", settings.model.hidden);
  return facts;
}

/// A loaded model wants its examples prepared as those that it was trained on.
void check_facts(const SavedModel& saved, const Settings& settings) {
  const auto check = [&](const char* fact, std::string_view given) {
    const auto trained = saved.facts.find(fact);
    if (trained != saved.facts.end() && trained->second != given)
      throw Error(fmt::format("the model {} was trained with --{} {}: give that flag here too", settings.start, fact, trained->second));
  };
  check(kTransformFact, name_of(kTransforms, settings.load.transform));
  check(kNormalizeFact, name_of(kNormalizes, settings.load.normalize));
}

/// The slots of its rows are the classes that it was trained on, in their order.
void check_classes(const SavedModel& saved, const Settings& settings, const Dataset& data) {
  const auto trained = saved.facts.find(kClassesFact);
  const std::string given = fmt::format("{}", fmt::join(data.classes(), ","));
  if (trained != saved.facts.end() && trained->second != given)
    throw Error(fmt::format("the model {} tells classes {} apart, but {} holds {}: give data of the same classes", settings.start,
                            trained->second, data.name(), given));
}

Loaded load_all(const Settings& settings) {
  const auto begin = std::chrono::steady_clock::now();
  Loaded loaded;
  std::vector<std::vector<std::uint32_t>> extra;
  if (!settings.start.empty()) {
    loaded.start = load_model(settings.start);
    check_facts(*loaded.start, settings);
  }
  if (!settings.resume.empty()) loaded.resume = load_checkpoint(settings.resume);
  Columns columns = load(settings.data, settings.load);
  if (loaded.start) extra = loaded.start->ids_by_space(columns.spaces);
  if (loaded.resume) extra = loaded.resume->ids_by_space(columns.spaces);
  loaded.train = Dataset::train(std::move(columns), settings.options.seed, extra);
  if (loaded.start) check_classes(*loaded.start, settings, *loaded.train);
  if (!settings.test.empty()) loaded.test = Dataset::test(load(settings.test, settings.load), *loaded.train);
  loaded.seconds = seconds_since(begin);
  return loaded;
}

/// Passes the points of a run on to the record files and the live line.
class Reporter final : public Observer {
 public:
  Reporter(const Settings& settings, const RunFacts& facts, std::deque<RecordFile>& files)
      : facts_(facts),
        files_(files),
        line_(label_of(facts.planned), settings.options.epochs,
              settings.quiet) {}

  void on_epoch(int epoch, const ChunkQueue& queue) override { line_.on_epoch(epoch, queue); }
  bool on_point(const Point& point) override {
    line_.on_point(point);
    for (RecordFile& file : files_) file.write(point_record(facts_, point));
    return true;
  }
  void on_backoff(const Backoff& backoff) override {
    line_.say(fmt::format("{}: going on from epoch {} at step {:.3g}", text_of(backoff.divergence), backoff.epochs, backoff.step));
  }
  void on_checkpoint_lost(const std::string& error) override {
    line_.say(fmt::format("{}: the run goes on, and tries again after the next --every", error));
  }
  void on_end() override { line_.on_end(); }

 private:
  const RunFacts& facts_;
  std::deque<RecordFile>& files_;
  LiveLine line_;
};

class Session {
 public:
  explicit Session(const Settings& settings)
      : settings_(settings), out_(settings.json == "-" ? stderr : stdout), loaded_(load_all(settings)),
        kernel_(builtin_kernel(settings.model, *loaded_.train, settings.options.rule)) {
    if (loaded_.start) check_saved(*loaded_.start, kernel_);  // before any file is opened
    if (settings_.race) choose_step();
    check_resume(problem(), settings_.options);
    if (!settings.replay.empty()) {
      recording_ = load_recording(settings.replay);
      check_facts_of_run(recording_, settings, *loaded_.train);
    }
    if (!settings.json.empty()) files_.emplace_back(settings.json);
    if (!settings.curve.empty()) files_.emplace_back(settings.curve);
  }

  int run() {
    introduce();
    std::deque<Result> results;
    std::vector<TableRow> rows;
    std::string remarks;
    for (PlannedRun planned : plan_of(settings_)) {
      if (interrupted.load(std::memory_order_relaxed)) break;
      if (planned.automatic) take_advice(planned);
      RunFacts facts = facts_of(planned, static_cast<int>(results.size()));
      results.push_back(run_one(planned, facts, rows));
      rows.push_back({planned, &results.back(), facts.auc, facts.efficiency, facts.reference, workers_of(planned)});
      if (!facts.remark.empty()) remarks += fmt::format("{}: {}\n", label_of(planned), facts.remark);
    }
    if (!settings_.quiet)
      fmt::print(out_, "{}{}{}", table_of(rows, *loaded_.train, kernel_.task), remarks,
                 telemetry_of(rows, settings_.options.telemetry == TelemetryName::full));
    for (const Result& result : results)
      if (!result.advice.empty()) fmt::print(stderr, "bench_shm: {}\n", result.advice);
    const auto lost = std::find_if(results.begin(), results.end(), [](const Result& r) { return !r.checkpoint_error.empty(); });
    if (lost != results.end()) fmt::print(stderr, "bench_shm: the last checkpoint is lost: {}\n", lost->checkpoint_error);
    if (std::fflush(out_) != 0)
      throw Error(fmt::format("cannot write {}: {}", out_ == stdout ? "stdout" : "stderr", std::strerror(errno)));
    if (lost != results.end()) return kBadInput;
    if (interrupted.load(std::memory_order_relaxed)) return kInterrupted;
    return std::any_of(results.begin(), results.end(), [](const Result& r) { return r.stopped == Stopped::diverged; })
               ? kDiverged
               : kAllRan;
  }

 private:
  void take_advice(PlannedRun& planned) const {
    const shm::Advice advice = shm::advise(kernel_, *loaded_.train, settings_.options, planned.threads);
    planned.mode = advice.mode;
    planned.threads = advice.threads;
    if (!settings_.quiet) fmt::print(out_, "auto: {} x{} ({})\n", name_of(kModes, advice.mode), advice.threads, advice.reason);
  }

  /// Replaces --step auto by what it finds: everything behind it, records too, sees a step.
  void choose_step() {
    if (loaded_.resume) {  // the race has been run
      if (const auto step = loaded_.resume->state.facts.find("step"); step != loaded_.resume->state.facts.end())
        settings_.options.step = std::stod(step->second);
      return;
    }
    const auto begin = std::chrono::steady_clock::now();
    const StepRace race = race_steps(kernel_, *loaded_.train, settings_.options, loaded_.start ? &*loaded_.start : nullptr);
    settings_.options.step = race.step;
    raced_ = fmt::format(" (the best of {} in a race of {:.2f} s)", race.trials.size(), seconds_since(begin));
  }

  void introduce() const {
    if (settings_.quiet) return;
    const auto say = [&](const char* what, const Dataset& set) {
      fmt::print(out_, "{} {}: {} examples, {} features, {} nonzeros\n", what, set.name(), set.size(), set.features(), set.nonzeros());
    };
    say("train", *loaded_.train);
    if (loaded_.test) say("test ", *loaded_.test);
    fmt::print(out_, "model {}, step {:.4g}{}, loaded in {:.2f} s\n\n", kernel_.name,
               settings_.options.step_at(0, kernel_.default_step), raced_, loaded_.seconds);
    std::fflush(out_);
  }

  Problem problem() const {
    return {.kernel = kernel_,
            .train = *loaded_.train,
            .test = loaded_.test ? &*loaded_.test : nullptr,
            .start = loaded_.start ? &*loaded_.start : nullptr,
            .resume = loaded_.resume ? &*loaded_.resume : nullptr,
            .facts = preparation_of(settings_)};
  }

  RunFacts facts_of(const PlannedRun& planned, int run) const {
    return {.run = run,
            .planned = planned,
            .task = kernel_.task,
            .train = &*loaded_.train,
            .test = loaded_.test ? &*loaded_.test : nullptr,
            .load_seconds = loaded_.seconds,
            .core_to_core_ns = shm::core_to_core_ns(),
            .staleness = {},
            .auc = {},
            .efficiency = {},
            .reference = {},
            .remark = {}};
  }

  /// Against the run of the same mode on one thread, else against serial, if either has run before.
  void compare(const Result& result, RunFacts& facts, const std::vector<TableRow>& before) const {
    const auto find = [&](Mode mode) {
      return std::find_if(before.begin(), before.end(), [&](const TableRow& row) { return row.planned.mode == mode && row.planned.threads == 1; });
    };
    auto reference = find(facts.planned.mode);
    if (reference == before.end()) reference = find(Mode::serial);
    if (reference == before.end() || facts.planned.mode == Mode::serial) return;
    facts.reference = label_of(reference->planned);
    facts.efficiency = efficiency_of({facts.planned.threads, result.seconds, result.curve},
                                     {1, reference->result->seconds, reference->result->curve}, settings_.options.target_loss);
  }

  /// What the table calls the workers of a run that has other ones than threads.
  std::string workers_of(const PlannedRun& planned) const {
    if (settings_.simulate_workers && planned.mode != Mode::serial) return fmt::format("sim P={}", *settings_.simulate_workers);
    if (!settings_.replay.empty()) return fmt::format("replay x{}", recording_.rounds.empty() ? 0 : recording_.rounds[0].ranges.size());
    return {};
  }

  Result run_one(const PlannedRun& planned, RunFacts& facts, const std::vector<TableRow>& before) {
    const std::size_t cores = shm::usable_cpus().size();
    if (static_cast<std::size_t>(planned.threads) > cores && std::exchange(warned_, planned.threads) != planned.threads)
      fmt::print(stderr, "bench_shm: {} threads share {} core{}: speeds will mislead\n", planned.threads, cores, cores == 1 ? "" : "s");
    Options options = settings_.options;
    options.mode = planned.mode;
    options.threads = planned.threads;
    options.stop = &interrupted;
    for (RecordFile& file : files_) file.write(run_record(settings_, facts));

    Simulator* simulator = nullptr;
    const auto backend = backend_of(options, simulator);
    Exchange alone;
    Result result = [&] {
      Reporter reporter(settings_, facts, files_);
      return fit(problem(), options, *backend, alone, reporter);
    }();

    if (simulator) facts.staleness = simulator->staleness();
    if (facts.test && kernel_.task == Task::binary)
      facts.auc = auc(predict(kernel_, result.parameters, *facts.test, backend->team()), facts.test->labels());
    facts.remark = backend->remark();
    compare(result, facts, before);
    for (RecordFile& file : files_) file.write(summary_record(facts, result));
    if (!settings_.replay.empty()) check_replayed(recording_, settings_, result);
    write_outputs(result, backend->team());
    result.parameters = {};  // the table needs the curve only
    return result;
  }

  std::unique_ptr<Backend> backend_of(const Options& options, Simulator*& simulator) {
    if (!settings_.record.empty()) return shm::make_recorder(options, recording_);
    if (!settings_.replay.empty()) return make_replay(recording_);
    if (!settings_.simulate_workers || options.mode == Mode::serial) return shm::make_backend(options);
    auto backend = make_simulator(simulation_of(settings_));
    simulator = backend.get();
    return backend;
  }

  void write_outputs(const Result& result, Team& team) {
    if (result.checkpoint_epochs >= 0 && result.checkpoint_error.empty() && result.stopped == Stopped::interrupted)
      fmt::print(stderr, "bench_shm: interrupted after epoch {}: give the same flags and --resume {} to go on\n",
                 result.checkpoint_epochs, settings_.options.checkpoint);
    if (!settings_.record.empty() && result.stopped == Stopped::interrupted) {
      fmt::print(stderr, "bench_shm: --record {} was not written: the run was interrupted\n", settings_.record);
    } else if (!settings_.record.empty()) {
      recording_.facts = facts_of_run(settings_, *loaded_.train);
      recording_.digest = result.digest;
      save(recording_, settings_.record);
    }
    if (!settings_.save.empty() && result.stopped == Stopped::diverged)
      fmt::print(stderr, "bench_shm: --save {} was not written: the run diverged\n", settings_.save);
    else if (!settings_.save.empty()) {
      SavedModel saved = to_saved(kernel_, result.parameters, *loaded_.train);
      saved.facts[kTransformFact] = name_of(kTransforms, settings_.load.transform);
      saved.facts[kNormalizeFact] = name_of(kNormalizes, settings_.load.normalize);
      if (!loaded_.train->classes().empty()) saved.facts[kClassesFact] = fmt::format("{}", fmt::join(loaded_.train->classes(), ","));
      save(saved, settings_.save);
    }
    if (!settings_.predict.empty()) {
      const Dataset& set = loaded_.test ? *loaded_.test : *loaded_.train;
      write_predictions(settings_.predict, kernel_, predict(kernel_, result.parameters, set, team), set);
    }
  }

  int warned_ = 0;     ///< of so many threads
  Settings settings_;
  std::string raced_;  ///< for people: how --step auto came to its step
  std::FILE* out_;
  Loaded loaded_;
  Kernel kernel_;
  Recording recording_;  ///< of --record or --replay
  std::deque<RecordFile> files_;
};

}  // namespace

int run_session(const Settings& settings) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a write error, said in a sentence
  if (settings.inspect) return inspect(settings), kAllRan;
  Session session(settings);      // while it loads, a signal ends the process: there is nothing to save yet
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  return session.run();
}

int main_of(int argc, const char* const* argv) {
  try {
    const std::optional<Settings> settings = parse(argc, argv);
    return settings ? run_session(*settings) : kAllRan;
  } catch (const Error& error) {
    fmt::print(stderr, "bench_shm: {}\n", error.what());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "bench_shm: out of memory: use a smaller set or fewer --factors\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_shm: {}\n", error.what());
  }
  return kBadInput;
}

}  // namespace sounder::bench
