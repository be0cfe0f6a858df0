#include "session_shm.hpp"

#include <algorithm>
#include <chrono>
#include <deque>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/shm/advice.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/shm/record.hpp>
#include <sounder/shm/topology.hpp>
#include <sounder/train/evaluate.hpp>
#include <sounder/train/step_race.hpp>

#include "inspect_shm.hpp"
#include "loaded.hpp"
#include "replays_shm.hpp"
#include "reporter.hpp"
#include "table.hpp"

namespace sounder::bench {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// `counts[tau]` updates were tau updates late.
Json simulated_staleness(const std::vector<std::uint64_t>& counts) {
  double updates = 0, sum = 0;
  for (std::size_t tau = 0; tau < counts.size(); ++tau) {
    updates += static_cast<double>(counts[tau]);
    sum += static_cast<double>(counts[tau]) * static_cast<double>(tau);
  }
  if (updates == 0) return nullptr;
  const auto quantile = [&](double share) {
    double below = 0;
    std::size_t tau = 0;
    while ((below += static_cast<double>(counts[tau])) < share * updates) ++tau;
    return tau;
  };
  return {{"unit", "updates"}, {"mean", sum / updates}, {"p50", quantile(0.5)}, {"p99", quantile(0.99)}, {"max", counts.size() - 1}};
}

class Session {
 public:
  explicit Session(const ShmSettings& settings)
      : settings_(settings), out_(settings.json == "-" ? stderr : stdout), loaded_(load_all(settings)),
        kernel_(builtin_kernel(settings.model, *loaded_.train, settings.options.rule)) {
    if (loaded_.start) check_saved(*loaded_.start, kernel_);  // before any file is opened
    if (settings_.race) choose_step();
    check_resume(loaded_.problem(kernel_, settings_), settings_.options);
    if (!settings.replay.empty()) {
      recording_ = load_recording(settings.replay);
      check_facts_of_run(recording_, settings, *loaded_.train);
    }
    if (!settings.json.empty()) files_.emplace_back(settings.json);
    if (!settings.curve.empty()) files_.emplace_back(settings.curve);
  }

  int run() {
    introduce(loaded_, kernel_, settings_, raced_, out_);
    std::deque<Result> results;
    std::vector<TableRow> rows;
    std::string remarks;
    for (PlannedRun planned : plan_of(settings_)) {
      if (interrupted().load(std::memory_order_relaxed)) break;
      if (planned.automatic) take_advice(planned);
      RunFacts facts = facts_of(planned, static_cast<int>(results.size()));
      results.push_back(run_one(planned, facts, rows));
      rows.push_back({facts.name, &results.back(), facts.auc, facts.efficiency, facts.reference, workers_of(planned)});
      if (!facts.remark.empty()) remarks += fmt::format("{}: {}\n", facts.name.label(), facts.remark);
    }
    if (!settings_.quiet)
      fmt::print(out_, "{}{}{}", table_of(rows, DataFacts::of(*loaded_.train), kernel_.task), remarks,
                 findings_of(rows, settings_.options.telemetry == TelemetryName::full));
    for (const Result& result : results)
      if (!result.advice.empty()) fmt::print(stderr, "bench_shm: {}\n", result.advice);
    const auto lost = std::find_if(results.begin(), results.end(), [](const Result& r) { return !r.checkpoint_error.empty(); });
    if (lost != results.end()) fmt::print(stderr, "bench_shm: the last checkpoint is lost: {}\n", lost->checkpoint_error);
    flush(out_);
    if (lost != results.end()) return kBadInput;
    if (interrupted().load(std::memory_order_relaxed)) return kInterrupted;
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

  RunFacts facts_of(const PlannedRun& planned, int run) const {
    return {.name = {.run = run, .mode = std::string(name_of(kModes, planned.mode)), .node_mode = {}, .threads = planned.threads},
            .task = kernel_.task,
            .data = DataFacts::of(*loaded_.train),
            .load_seconds = loaded_.seconds,
            .core_to_core_ns = shm::core_to_core_ns(),
            .transport = {},
            .auc = {},
            .efficiency = {},
            .reference = {},
            .remark = {}};
  }

  /// Against the run of the same mode on one thread, else against serial, if either has run before.
  void compare(const Result& result, RunFacts& facts, const std::vector<TableRow>& before) const {
    const auto find = [&](std::string_view mode) {
      return std::find_if(before.begin(), before.end(), [&](const TableRow& row) { return row.name.mode == mode && row.name.threads == 1; });
    };
    const std::string_view serial = name_of(kModes, Mode::serial);
    auto reference = find(facts.name.mode);
    if (reference == before.end()) reference = find(serial);
    if (reference == before.end() || facts.name.mode == serial) return;
    facts.reference = reference->name.label();
    facts.efficiency = efficiency_of({facts.name.threads, result.seconds, result.curve},
                                     {1, reference->result->seconds, reference->result->curve}, settings_.options.target_loss);
  }

  /// What the table calls the workers of a run that has other ones than threads.
  std::string workers_of(const PlannedRun& planned) const {
    if (settings_.simulate_workers && planned.mode != Mode::serial) return fmt::format("sim P={}", *settings_.simulate_workers);
    if (!settings_.replay.empty()) return fmt::format("replay x{}", recording_.rounds.empty() ? 0 : recording_.rounds[0].ranges.size());
    return {};
  }

  /// What bench_shm alone has.
  Json own_options(bool automatic) const {
    const Options& o = settings_.options;
    return {{"backoff", o.backoff},
            {"simulate_workers", or_null(settings_.simulate_workers)},
            {"tau", or_null(settings_.tau)},
            {"record", or_null(settings_.record)},
            {"replay", or_null(settings_.replay)},
            {"auto", automatic}};
  }

  Result run_one(const PlannedRun& planned, RunFacts& facts, const std::vector<TableRow>& before) {
    const std::size_t cores = shm::usable_cpus().size();
    if (static_cast<std::size_t>(planned.threads) > cores && std::exchange(warned_, planned.threads) != planned.threads)
      fmt::print(stderr, "bench_shm: {} threads share {} core{}: speeds will mislead\n", planned.threads, cores, cores == 1 ? "" : "s");
    Options options = settings_.options;
    options.mode = planned.mode;
    options.threads = planned.threads;
    options.stop = &interrupted();
    for (RecordFile& file : files_) file.write(run_record(settings_, facts, own_options(planned.automatic)));

    Simulator* simulator = nullptr;
    const auto backend = backend_of(options, simulator);
    Exchange alone;
    Result result = [&] {
      Reporter reporter(settings_, facts, files_);
      return fit(loaded_.problem(kernel_, settings_), options, *backend, alone, reporter);
    }();

    if (loaded_.test && kernel_.task == Task::binary)
      facts.auc = auc(predict(kernel_, result.parameters, *loaded_.test, backend->team()), loaded_.test->labels());
    facts.remark = backend->remark();
    compare(result, facts, before);
    Json summary = summary_record(facts, result);
    if (simulator) summary["staleness"] = simulated_staleness(simulator->staleness());
    for (RecordFile& file : files_) file.write(summary);
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
    if (!settings_.record.empty() && result.stopped == Stopped::interrupted) {
      fmt::print(stderr, "bench_shm: --record {} was not written: the run was interrupted\n", settings_.record);
    } else if (!settings_.record.empty()) {
      recording_.facts = facts_of_run(settings_, *loaded_.train);
      recording_.digest = result.digest;
      save(recording_, settings_.record);
    }
    write_models(loaded_, kernel_, settings_, result, team);
  }

  int warned_ = 0;     ///< of so many threads
  ShmSettings settings_;
  std::string raced_;  ///< for people: how --step auto came to its step
  std::FILE* out_;
  Loaded loaded_;
  Kernel kernel_;
  Recording recording_;  ///< of --record or --replay
  std::deque<RecordFile> files_;
};

}  // namespace

int run_session(const ShmSettings& settings) {
  if (settings.inspect) return inspect(settings), kAllRan;
  Session session(settings);      // while it loads, a signal ends the process: there is nothing to save yet
  catch_signals();
  return session.run();
}

}  // namespace sounder::bench
