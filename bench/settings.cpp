#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <sounder/data/generate.hpp>
#include <sounder/error.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/shm/topology.hpp>

#include "version.hpp"

namespace sounder::bench {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

template <class Number>
Number number_of(const char* flag, const std::string& text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec == std::errc::result_out_of_range) throw Error(fmt::format("{} {} is out of range: give a number that fits", flag, text));
  if (result.ec != std::errc{} || result.ptr != end || !std::isfinite(static_cast<double>(value)))
    throw Error(fmt::format("{} needs a {}, not \"{}\"", flag, std::is_integral_v<Number> ? "whole number" : "number", text));
  return value;
}

template <class Table>
auto value_of(const char* flag, const Table& table, const std::string& name) {
  const auto value = from_name(table, name);
  if (!value) throw Error(fmt::format("{} \"{}\" is unknown: give one of {}", flag, name, names_of(table)));
  return *value;
}

template <class Table>
std::string help_of(const std::string& summary, const Table& table) {
  std::string help = summary + ":";
  for (const auto& entry : table) help += fmt::format("\n  {:<12} {}", entry.name, entry.help);
  return help;
}

/// The flags, each parsed by number_of or value_of so that every message has the same form.
class CommandLine {
 public:
  explicit CommandLine(CLI::App& app) : app_(app) {}

  template <class F>
  CLI::Option* text(const char* flag, const std::string& help, const char* type, F assign) {
    return app_.add_option_function<std::string>(flag, assign, help)->type_name(type);
  }
  void path(const char* flag, std::string& target, const std::string& help, const char* type = "FILE") {
    text(flag, help, type, [flag, &target](const std::string& value) {
      if (value.empty()) throw Error(fmt::format("{} needs a name, not nothing", flag));
      target = value;
    });
  }
  template <class Number, class Target>
  void number(const char* flag, Target& target, const std::string& help) {
    text(flag, help, std::is_integral_v<Number> ? "N" : "X",
         [flag, &target](const std::string& value) { target = number_of<Number>(flag, value); });
  }
  template <class Table, class Target>
  void name(const char* flag, const Table& table, Target& target, const std::string& help) {
    text(flag, help_of(help, table), "NAME",
         [flag, &table, &target](const std::string& value) { target = value_of(flag, table, value); });
  }

 private:
  CLI::App& app_;
};

std::vector<std::optional<Mode>> modes_of(const std::string& list) {
  std::vector<std::optional<Mode>> modes;
  for (const std::string& name : split(list)) {
    if (name == "all")
      for (const auto& mode : kModes) modes.push_back(mode.value);
    else if (name == "auto")
      modes.push_back(std::nullopt);
    else
      modes.push_back(value_of("--mode", kModes, name));
  }
  return modes;
}

std::string data_help() {
  std::string help = "training set: a file (libsvm text, IDX images, or ratings for mf; gz and xz too), builtin:NAME or synthetic:NAME,key=value";
  for (const Builtin& set : builtins()) help += fmt::format("\n  builtin:{:<14} {}", set.name, set.help);
  for (const Synthetic& set : synthetics()) help += fmt::format("\n  synthetic:{:<12} {}", set.name, set.help);
  return help;
}

void declare(CLI::App& app, Settings& s) {
  CommandLine line(app);
  Options& o = s.options;
  line.text("--mode", help_of("disciplines to run, a comma-separated list, all that the other flags allow, or auto (the fastest on a sample of the data)", kModes), "NAME[,NAME]",
            [&](const std::string& value) {
              s.modes = modes_of(value);
              s.all_modes = value == "all";
            });
  line.name("--model", kModels, s.model.model, "what to train");
  line.path("--data", s.data, data_help(), "SOURCE");
  line.path("--test", s.test, "held-out set, evaluated after every epoch", "SOURCE");
  line.name("--transform", kTransforms, s.load.transform, "applied to every value");
  line.name("--normalize", kNormalizes, s.load.normalize, "applied to every example");
  line.number<int>("--factors", s.model.factors, "floats of a row of mf, two of them the biases, or of fm, one the weight (default 32)");
  line.number<int>("--hidden", s.model.hidden, "units of the hidden layer of mlp (default 64)");
  app.add_flag("--tile", s.model.tile, "mlp: step on 2 to 8 dense examples at once, a tiny batch: faster");
  line.text("--threads", "workers, a comma-separated list (default: all cores)", "N[,N]", [&](const std::string& value) {
    s.threads.clear();
    for (const std::string& part : split(value)) {
      Options check;
      check.threads = number_of<int>("--threads", part);
      check.validate();
      s.threads.push_back(check.threads);
    }
  });
  line.name("--team", kTeams, o.team, fmt::format("what runs the workers (default {})", name_of(kTeams, o.team)));
  line.name("--pin", kPins, o.pin, "where workers run");
  line.number<int>("--epochs", o.epochs, fmt::format("visits of every example (default {})", o.epochs));
  line.text("--step", "step size of the first epoch, or auto: the best of a race on a sample (default: from the model and the data)", "X",
            [&](const std::string& value) {
    s.race = value == "auto";
    o.step = 0;
    if (s.race) return;
    o.step = number_of<double>("--step", value);
    if (o.step <= 0) throw Error(fmt::format("--step {} cannot be used: give a positive number, or leave it out", value));
  });
  line.name("--schedule", kSchedules, o.schedule, fmt::format("step size over the epochs (default {})", name_of(kSchedules, o.schedule)));
  line.number<double>("--decay", o.decay, "of the schedule (default 0.85, for backoff 0.37)");
  line.number<int>("--phase", o.phase, fmt::format("schedule backoff: epochs at the first step (default {})", o.phase));
  app.add_flag("--backoff", o.backoff, "after a divergence, go on from the last good point at half the step, up to 10 times");
  line.number<double>("--l2", s.model.l2, "weight of l2/2 |w|^2 in the objective (default 0)");
  line.number<double>("--l1", s.model.l1, "weight of |w| in the objective, with --rule ftrl (default 0)");
  line.name("--rule", kRules, o.rule, "how a gradient moves a weight");
  line.number<std::uint64_t>("--seed", o.seed, "of the order of the examples and the start values (default 1)");
  line.number<std::size_t>("--hot-rows", o.hot_rows, "mode cached: most rows that a worker keeps privately, rounded up to whole pages (default: from the data)");
  line.number<int>("--flush", o.flush, "mode cached: own updates of a row between merges, rounded down to a power of two (default: from the threads)");
  line.text("--batch", "modes with batches: examples a batch, over all workers, or all (default: by the mode)", "N|all",
            [&](const std::string& value) { o.batch = value == "all" ? Options::kAll : number_of<std::size_t>("--batch", value); });
  line.name("--data-per-worker", kDataPerWorkers, o.data_per_worker,
            fmt::format("mode averaged: what a worker trains on (default {})", name_of(kDataPerWorkers, o.data_per_worker)));
  line.name("--replica", kReplicas, o.replica,
            fmt::format("mode replicated: whose workers share a replica (default {})", name_of(kReplicas, o.replica)));
  line.number<int>("--merge-every", o.merge_every, "mode replicated: examples of a replica between merges (default: 512)");
  line.number<double>("--target-loss", o.target_loss, "end a run when the training loss is at or below this");
  line.name("--telemetry", kTelemetries, o.telemetry, fmt::format("what to measure (default {})", name_of(kTelemetries, o.telemetry)));
  line.path("--curve", s.curve, "write the records of all runs, as JSON lines (.jsonl) or a table (.csv)");
  line.path("--json", s.json, "write the records of all runs as JSON lines; - is stdout, and then nothing else goes there");
  line.path("--predict", s.predict, "write a prediction for each example of --test (else of --data), in input order");
  line.path("--save", s.save, "write the trained model");
  line.path("--load", s.start, "go on from a model that --save wrote");
  line.path("--checkpoint", o.checkpoint, "write all that --resume needs, after every --every epochs, at the end and on Ctrl-C");
  line.number<int>("--every", o.every, fmt::format("epochs between checkpoints, 0: only at the end (default {})", o.every));
  line.path("--resume", s.resume, "go on with the run that wrote this checkpoint: give its flags too; --epochs counts from its very start");
  line.number<int>("--simulate-workers", s.simulate_workers, "mode hogwild on one thread, as N virtual workers that read stale weights");
  line.text("--tau", help_of("of --simulate-workers: the law of the staleness, in updates (default: of workers of equal speed)", kTaus),
            "LAW", [&](const std::string& value) { s.tau = value; });
  line.path("--record", s.record, "mode hogwild, rule sgd: write down in which order the workers of a small run touch the cells");
  line.path("--replay", s.replay, "repeat a run that --record wrote, bit for bit, on one thread");
  app.add_flag("--inspect", s.inspect, "report what the data say about contention, and which mode to use, instead of training");
  app.add_flag("--quiet", s.quiet, "no live line and no table");
  app.add_flag_callback("--version", [] { throw CLI::CallForVersion(version_text(), 0); }, "what was compiled in");
}

/// `all` are those that can run with the other flags.
void leave_out_refused(Settings& s) {
  std::erase_if(s.modes, [&](const std::optional<Mode>& mode) {
    Options options = s.options;
    options.mode = *mode;
    return !shm::refusal(options).empty();
  });
}

/// Fails early if a file could not be written: a run may take hours.
void check_writable(const char* flag, const std::string& path) {
  if (path.empty() || path == "-") return;
  const std::filesystem::path target(path);
  std::error_code ignored;
  if (std::filesystem::is_directory(target, ignored)) throw Error(fmt::format("{} {} is a directory: give a file", flag, path));
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  const bool exists = std::filesystem::exists(target, ignored);
  const bool whole = std::string_view(flag) == "--save" || std::string_view(flag) == "--checkpoint" || std::string_view(flag) == "--record";
  const bool renamed = whole && (!exists || std::filesystem::is_regular_file(target, ignored));
  if (!std::filesystem::is_directory(folder, ignored))
    throw Error(fmt::format("{} {} cannot be written: there is no directory {}", flag, path, folder.string()));
  if (access(exists && !renamed ? path.c_str() : folder.c_str(), W_OK) != 0)  // a renamed file is made anew in its folder
    throw Error(fmt::format("{} {} cannot be written: permission denied", flag, path));
}

/// Two flags that name one file: one would destroy what the other reads or writes. Devices may be shared.
void check_distinct(const Settings& s) {
  const std::pair<const char*, const std::string&> outputs[] = {
      {"--curve", s.curve}, {"--json", s.json}, {"--predict", s.predict}, {"--save", s.save}, {"--checkpoint", s.options.checkpoint},
      {"--record", s.record}};
  const std::pair<const char*, const std::string&> inputs[] = {{"--data", s.data}, {"--test", s.test}, {"--resume", s.resume},
      {"--replay", s.replay}};
  const auto same = [](const std::string& a, const std::string& b) {
    std::error_code error;
    if (a.empty() || b.empty() || (std::filesystem::exists(a, error) && !std::filesystem::is_regular_file(a, error))) return false;
    return std::filesystem::weakly_canonical(a, error) == std::filesystem::weakly_canonical(b, error);
  };
  const auto refuse = [&](const auto& one, const auto& other) {
    if (same(one.second, other.second))
      throw Error(fmt::format("{} {} is also {}: give another file", one.first, one.second, other.first));
  };
  for (std::size_t i = 0; i < std::size(outputs); ++i) {
    for (const auto& input : inputs)
      if (&outputs[i].second != &s.options.checkpoint || &input.second != &s.resume) refuse(outputs[i], input);
    for (std::size_t k = i + 1; k < std::size(outputs); ++k) refuse(outputs[i], outputs[k]);
  }
}

/// One thread does what is not hogwild's usual run; others have no meaning in it.
void check_one_thread(const Settings& s, const char* flag) {
  for (const std::optional<Mode> mode : s.modes)
    if (mode != Mode::hogwild && mode != Mode::serial)
      throw Error(fmt::format("{} goes with --mode hogwild (and serial beside it), not {}", flag, mode ? name_of(kModes, *mode) : "auto"));
  if (!s.threads.empty() && s.threads != std::vector<int>{1})
    throw Error(fmt::format("{} runs on one thread: leave --threads out", flag));
}

void check(const Settings& s) {
  s.options.validate();
  if (s.tau && !s.simulate_workers) throw Error("--tau is the staleness of virtual workers: give --simulate-workers too");
  if (s.simulate_workers) {
    check_one_thread(s, "--simulate-workers");
    if (std::find(s.modes.begin(), s.modes.end(), Mode::hogwild) == s.modes.end())
      throw Error("--simulate-workers simulates hogwild: give --mode hogwild (serial may stand beside it)");
    simulation_of(s).validate();
  }
  for (const std::optional<Mode> mode : s.modes) {
    if (!mode) continue;
    Options options = s.options;
    options.mode = *mode;
    if (const std::string reason = shm::refusal(options); !reason.empty()) throw Error(reason);
  }
  if (s.data.empty()) throw Error("--data is missing: give a file, builtin:NAME or synthetic:NAME (see --help)");
  if ((format_of(s.model.model) == Format::ratings || format_of(s.model.model) == Format::cut) &&
      (s.load.transform != TransformName::none || s.load.normalize != NormalizeName::none))
    throw Error(fmt::format("--transform and --normalize do not apply to --model {}: leave them out", name_of(kModels, s.model.model)));
  if (s.model.model == ModelName::cut && (s.model.l2 != 0 || !s.test.empty()))
    throw Error(fmt::format("{} does not apply to --model cut: leave it out", s.test.empty() ? "--l2" : "--test"));
  if (!s.record.empty() || !s.replay.empty()) {
    const char* const flag = s.replay.empty() ? "--record" : "--replay";
    if (s.options.rule != RuleName::sgd)
      throw Error(fmt::format("{} needs --rule sgd, not {}", flag, name_of(kRules, s.options.rule)));
    if (s.modes != std::vector<std::optional<Mode>>{Mode::hogwild})
      throw Error(fmt::format("{} is of one run in mode hogwild: give --mode hogwild", flag));
    if (s.options.backoff) throw Error(fmt::format("{} is of one run without a second try: leave --backoff out", flag));
    if (s.simulate_workers || !(s.record.empty() || s.replay.empty()))
      throw Error(fmt::format("{} cannot be given with {}: leave one of them out", flag, s.simulate_workers ? "--simulate-workers" : "--record"));
    if (!s.replay.empty()) check_one_thread(s, "--replay");
  }
  if (!s.resume.empty() && !s.start.empty()) throw Error("--resume goes on from the weights of the checkpoint: leave --load out");
  if (s.options.every != Options{}.every && s.options.checkpoint.empty()) throw Error("--every needs --checkpoint FILE: give both or neither");
  if (s.predict == "-" || s.save == "-" || s.options.checkpoint == "-" || s.curve == "-" || s.record == "-") throw Error("only --json can be - (stdout): give a file");
  if (!s.curve.empty() && !s.curve.ends_with(".jsonl") && !s.curve.ends_with(".csv"))
    throw Error(fmt::format("--curve {} has an unknown ending: give a name that ends in .jsonl or .csv", s.curve));
  if (s.json.ends_with(".csv")) throw Error(fmt::format("--json {} would hold JSON lines: use --curve for CSV", s.json));
  check_options(s.model);
  check_distinct(s);
  check_writable("--curve", s.curve);
  check_writable("--json", s.json);
  check_writable("--predict", s.predict);
  check_writable("--save", s.save);
  check_writable("--checkpoint", s.options.checkpoint);
  check_writable("--record", s.record);
}

}  // namespace

Simulation simulation_of(const Settings& s) {
  Simulation simulation{.workers = s.simulate_workers.value_or(1), .tau = {}, .seed = s.options.seed};
  if (s.tau) simulation.tau = StalenessLaw::parse(*s.tau);
  return simulation;
}

namespace {

std::vector<int> thread_counts(const Settings& settings) {
  return settings.threads.empty() ? std::vector<int>{static_cast<int>(shm::usable_cpus().size())} : settings.threads;
}

}  // namespace

int most_threads(const Settings& settings) {
  const std::vector<int> counts = thread_counts(settings);
  return *std::max_element(counts.begin(), counts.end());
}

std::vector<PlannedRun> plan_of(const Settings& settings) {
  std::vector<PlannedRun> plan;
  const std::vector<int> counts = thread_counts(settings);
  for (const std::optional<Mode> mode : settings.modes) {
    if (!mode)
      plan.push_back({Mode::serial, most_threads(settings), true});
    else if (*mode == Mode::serial)
      plan.push_back({Mode::serial, 1});
    else
      for (const int threads : counts) {
        const bool alone = settings.simulate_workers || !settings.replay.empty();
        plan.push_back({*mode, alone ? 1 : threads});
        if (alone) break;
      }
  }
  const char* const single = !settings.save.empty()                 ? "--save"
                             : !settings.predict.empty()            ? "--predict"
                             : !settings.options.checkpoint.empty() ? "--checkpoint"
                                                                    : nullptr;
  if (plan.size() > 1 && single)
    throw Error(fmt::format("{} takes the model of one run, but {} are asked for: give one --mode and one --threads", single, plan.size()));
  if (plan.size() > 1 && !settings.record.empty())
    throw Error(fmt::format("--record takes the order of one run, but {} are asked for: give one number of --threads", plan.size()));
  return plan;
}

std::optional<Settings> parse(int argc, const char* const* argv) {
  CLI::App app("Trains a model by stochastic gradient descent on the cores of this machine, under any discipline.", "bench_shm");
  app.get_formatter()->column_width(26);
  app.option_defaults()->take_last();  // so that a flag behind a script's own overrides it
  Settings settings;
  declare(app, settings);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return std::nullopt;
  } catch (const CLI::CallForVersion&) {
    fmt::print("{}", version_text());
    return std::nullopt;
  } catch (const CLI::ExtrasError& error) {
    throw Error(fmt::format("{}: see --help for the flags", error.what()));
  } catch (const CLI::ParseError& error) {
    throw Error(error.what());
  }
  settings.load.format = format_of(settings.model.model);
  if (settings.all_modes) leave_out_refused(settings);
  check(settings);
  plan_of(settings);
  return settings;
}

}  // namespace sounder::bench
