#include <algorithm>

#include <fmt/ranges.h>

#include <sounder/data/generate.hpp>
#include <sounder/shm/backend.hpp>

#include "settings.hpp"

namespace sounder::bench {
namespace {

std::string data_help() {
  std::string help = "training set: a file (libsvm text, IDX images, or ratings for mf; gz and xz too), builtin:NAME or synthetic:NAME,key=value";
  for (const Builtin& set : builtins()) help += fmt::format("\n  builtin:{:<14} {}", set.name, set.help);
  for (const Synthetic& set : synthetics()) help += fmt::format("\n  synthetic:{:<12} {}", set.name, set.help);
  return help;
}

}  // namespace

void declare_problem(CommandLine& line, Settings& s) {
  line.name("--model", kModels, s.model.model, "what to train");
  line.path("--data", s.data, data_help(), "SOURCE");
  line.path("--test", s.test, "held-out set, evaluated after every epoch", "SOURCE");
  line.name("--transform", kTransforms, s.load.transform, "applied to every value");
  line.name("--normalize", kNormalizes, s.load.normalize, "applied to every example");
  line.number<int>("--factors", s.model.factors, "floats of a row of mf, two of them the biases, or of fm, one the weight (default 32)");
  line.number<int>("--hidden", s.model.hidden, "units of the hidden layer of mlp (default 64)");
  line.on("--tile", s.model.tile, "mlp: step on 2 to 8 dense examples at once, a tiny batch: faster");
}

void declare_training(CommandLine& line, Settings& s, const FlagHelp& help) {
  Options& o = s.options;
  line.text("--threads", help.threads, "N[,N]", [&](const std::string& value) {
    s.threads.clear();
    for (const std::string& part : split(value)) {
      Options check;
      check.threads = number_of<int>("--threads", part);
      check.validate();
      s.threads.push_back(check.threads);
    }
  });
  line.name("--team", kTeams, o.team, fmt::format("what runs the workers (default {})", name_of(kTeams, o.team)));
  line.text("--pin", help_of("where workers run", kPins), "NAME", [&](const std::string& value) {
    o.pin = value_of("--pin", kPins, value);
    s.pin_given = true;
  });
  line.number<int>("--epochs", o.epochs, fmt::format("visits of every example (default {})", o.epochs));
  line.text("--step", help.step, "X", [&](const std::string& value) {
    s.race = value == "auto";
    o.step = 0;
    if (s.race) return;
    o.step = number_of<double>("--step", value);
    if (o.step <= 0) throw Error(fmt::format("--step {} cannot be used: give a positive number, or leave it out", value));
  });
  line.name("--schedule", kSchedules, o.schedule, fmt::format("step size over the epochs (default {})", name_of(kSchedules, o.schedule)));
  line.number<double>("--decay", o.decay, "of the schedule (default 0.85, for backoff 0.37)");
  line.number<int>("--phase", o.phase, fmt::format("schedule backoff: epochs at the first step (default {})", o.phase));
  line.number<double>("--l2", s.model.l2, "weight of l2/2 |w|^2 in the objective (default 0)");
  line.number<double>("--l1", s.model.l1, "weight of |w| in the objective, with --rule ftrl (default 0)");
  line.name("--rule", kRules, o.rule, "how a gradient moves a weight");
  line.number<std::uint64_t>("--seed", o.seed, "of the order of the examples and the start values (default 1)");
  line.number<std::size_t>("--hot-rows", o.hot_rows, "mode cached: most rows that a worker keeps privately, rounded up to whole pages (default: from the data)");
  line.number<int>("--flush", o.flush, "mode cached: own updates of a row between merges, rounded down to a power of two (default: from the threads)");
  line.text("--batch", help.batch, "N|all",
            [&](const std::string& value) { o.batch = value == "all" ? Options::kAll : number_of<std::size_t>("--batch", value); });
  line.name("--data-per-worker", kDataPerWorkers, o.data_per_worker,
            fmt::format("mode averaged: what a worker trains on (default {})", name_of(kDataPerWorkers, o.data_per_worker)));
  line.name("--replica", kReplicas, o.replica,
            fmt::format("mode replicated: whose workers share a replica (default {})", name_of(kReplicas, o.replica)));
  line.number<int>("--merge-every", o.merge_every, "mode replicated: examples of a replica between merges (default: 512)");
  line.number<double>("--target-loss", o.target_loss, help.target_loss);
  line.name("--telemetry", kTelemetries, o.telemetry, fmt::format("what to measure (default {})", name_of(kTelemetries, o.telemetry)));
}

void declare_files(CommandLine& line, Settings& s) {
  line.path("--curve", s.curve, "write the records of all runs, as JSON lines (.jsonl) or a table (.csv)");
  line.path("--json", s.json, "write the records of all runs as JSON lines; - is stdout, and then nothing else goes there");
  line.path("--predict", s.predict, "write a prediction for each example of --test (else of --data), in input order");
  line.path("--save", s.save, "write the trained model");
  line.path("--load", s.start, "go on from a model that --save wrote");
}

void declare_checkpoints(CommandLine& line, Settings& s) {
  line.path("--checkpoint", s.options.checkpoint, "write all that --resume needs, after every --every epochs, at the end and on Ctrl-C");
  line.number<int>("--every", s.options.every, fmt::format("epochs between checkpoints, 0: only at the end (default {})", s.options.every));
  line.path("--resume", s.resume, "go on with the run that wrote this checkpoint: give its flags too; --epochs counts from its very start");
}

void check_checkpoints(const Settings& s) {
  if (!s.resume.empty() && !s.start.empty()) throw Error("--resume goes on from the weights of the checkpoint: leave --load out");
  if (s.options.every != Options{}.every && s.options.checkpoint.empty()) throw Error("--every needs --checkpoint FILE: give both or neither");
}

void check_problem(const Settings& s) {
  if (s.data.empty()) throw Error("--data is missing: give a file, builtin:NAME or synthetic:NAME (see --help)");
  if ((format_of(s.model.model) == Format::ratings || format_of(s.model.model) == Format::cut) &&
      (s.load.transform != TransformName::none || s.load.normalize != NormalizeName::none))
    throw Error(fmt::format("--transform and --normalize do not apply to --model {}: leave them out", name_of(kModels, s.model.model)));
  if (s.model.model == ModelName::cut && (s.model.l2 != 0 || !s.test.empty()))
    throw Error(fmt::format("{} does not apply to --model cut: leave it out", s.test.empty() ? "--l2" : "--test"));
}

void check_obeyed(const CommandLine& line, const Settings& s, const std::vector<Mode>& modes, std::string_view otherwise) {
  const auto obeys = [](Mode mode, std::string_view flag) {
    const std::vector<std::string_view> flags = shm::flags_of(mode);
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
  };
  for (const char* const flag : {"--hot-rows", "--flush", "--batch", "--data-per-worker", "--replica", "--merge-every"}) {
    if (!line.given(flag) || flag == otherwise || std::any_of(modes.begin(), modes.end(), [&](Mode mode) { return obeys(mode, flag); })) continue;
    std::vector<std::string_view> chosen, others;
    for (const Mode mode : modes) chosen.push_back(name_of(kModes, mode));
    for (const auto& mode : kModes)
      if (obeys(mode.value, flag)) others.push_back(mode.name);
    throw Error(fmt::format("{} does nothing in mode {}: leave it out, or give --mode {}", flag, fmt::join(chosen, ", "), fmt::join(others, " or ")));
  }
  const std::string_view schedule = name_of(kSchedules, s.options.schedule);
  if (line.given("--phase") && s.options.schedule != ScheduleName::backoff)
    throw Error(fmt::format("--phase does nothing with --schedule {}: leave it out, or give --schedule backoff", schedule));
  if (line.given("--decay") && s.options.schedule == ScheduleName::constant)
    throw Error("--decay does nothing with --schedule constant: leave one of them out");
}

}  // namespace sounder::bench
