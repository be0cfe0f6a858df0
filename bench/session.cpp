#include "session.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <new>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sounder/error.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/shm/topology.hpp>
#include <sounder/train/evaluate.hpp>

#include "predictions.hpp"
#include "records.hpp"
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

/// The data of all runs.
struct Loaded {
  std::optional<SavedModel> start;
  std::optional<Dataset> train, test;
  double seconds = 0;
};

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
  Columns columns = load(settings.data, settings.load);
  if (loaded.start) extra = loaded.start->ids_by_space(columns.spaces);
  loaded.train = Dataset::train(std::move(columns), settings.options.seed, extra);
  if (loaded.start) check_classes(*loaded.start, settings, *loaded.train);
  if (!settings.test.empty()) loaded.test = Dataset::test(load(settings.test, settings.load), *loaded.train);
  loaded.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return loaded;
}

/// Passes the points of a run on to the record files and the live line.
class Reporter final : public Observer {
 public:
  Reporter(const Settings& settings, const RunFacts& facts, std::deque<RecordFile>& files)
      : facts_(facts),
        files_(files),
        line_(fmt::format("{} x{}", name_of(kModes, facts.planned.mode), facts.planned.threads), settings.options.epochs,
              settings.quiet) {}

  void on_epoch(int epoch, const ChunkQueue& queue) override { line_.on_epoch(epoch, queue); }
  bool on_point(const Point& point) override {
    line_.on_point(point);
    for (RecordFile& file : files_) file.write(point_record(facts_, point));
    return true;
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
        kernel_(builtin_kernel(settings.model, *loaded_.train)) {
    if (loaded_.start) check_saved(*loaded_.start, kernel_);  // before any file is opened
    if (!settings.json.empty()) files_.emplace_back(settings.json);
    if (!settings.curve.empty()) files_.emplace_back(settings.curve);
  }

  int run() {
    introduce();
    std::deque<Result> results;
    std::vector<TableRow> rows;
    for (const PlannedRun& planned : plan_of(settings_)) {
      if (interrupted.load(std::memory_order_relaxed)) break;
      RunFacts facts = facts_of(planned, static_cast<int>(results.size()));
      results.push_back(run_one(planned, facts));
      rows.push_back({planned, &results.back(), facts.auc});
    }
    if (!settings_.quiet) fmt::print(out_, "{}", table_of(rows, *loaded_.train, kernel_.task));
    for (const Result& result : results)
      if (!result.advice.empty()) fmt::print(stderr, "bench_shm: {}\n", result.advice);
    if (std::fflush(out_) != 0)
      throw Error(fmt::format("cannot write {}: {}", out_ == stdout ? "stdout" : "stderr", std::strerror(errno)));
    if (interrupted.load(std::memory_order_relaxed)) return kInterrupted;
    return std::any_of(results.begin(), results.end(), [](const Result& r) { return r.stopped == Stopped::diverged; })
               ? kDiverged
               : kAllRan;
  }

 private:
  void introduce() const {
    if (settings_.quiet) return;
    const auto say = [&](const char* what, const Dataset& set) {
      fmt::print(out_, "{} {}: {} examples, {} features, {} nonzeros\n", what, set.name(), set.size(), set.features(), set.nonzeros());
    };
    say("train", *loaded_.train);
    if (loaded_.test) say("test ", *loaded_.test);
    fmt::print(out_, "model {}, step {:.4g}, loaded in {:.2f} s\n\n", kernel_.name,
               settings_.options.step_at(0, kernel_.default_step), loaded_.seconds);
    std::fflush(out_);
  }

  RunFacts facts_of(const PlannedRun& planned, int run) const {
    return {.run = run,
            .planned = planned,
            .task = kernel_.task,
            .train = &*loaded_.train,
            .test = loaded_.test ? &*loaded_.test : nullptr,
            .load_seconds = loaded_.seconds,
            .core_to_core_ns = shm::core_to_core_ns(),
            .auc = {}};
  }

  Result run_one(const PlannedRun& planned, RunFacts& facts) {
    const std::size_t cores = shm::usable_cpus().size();
    if (static_cast<std::size_t>(planned.threads) > cores)
      fmt::print(stderr, "bench_shm: {} threads share {} core{}: speeds will mislead\n", planned.threads, cores, cores == 1 ? "" : "s");
    Options options = settings_.options;
    options.mode = planned.mode;
    options.threads = planned.threads;
    options.stop = &interrupted;
    const Problem problem{.kernel = kernel_,
                          .train = *loaded_.train,
                          .test = facts.test,
                          .start = loaded_.start ? &*loaded_.start : nullptr};
    for (RecordFile& file : files_) file.write(run_record(settings_, facts));

    const auto backend = shm::make_backend(options);
    Exchange alone;
    Result result = [&] {
      Reporter reporter(settings_, facts, files_);
      return fit(problem, options, *backend, alone, reporter);
    }();

    if (facts.test && kernel_.task == Task::binary)
      facts.auc = auc(predict(kernel_, result.parameters, *facts.test, backend->team()), facts.test->labels());
    for (RecordFile& file : files_) file.write(summary_record(facts, result));
    write_outputs(result, backend->team());
    result.parameters = {};  // the table needs the curve only
    return result;
  }

  void write_outputs(const Result& result, Team& team) const {
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

  const Settings& settings_;
  std::FILE* out_;
  Loaded loaded_;
  Kernel kernel_;
  std::deque<RecordFile> files_;
};

}  // namespace

int run_session(const Settings& settings) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a write error, said in a sentence
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
