#include "settings.hpp"

#include <charconv>
#include <cmath>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <sounder/data/generate.hpp>
#include <sounder/error.hpp>
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

std::vector<Mode> modes_of(const std::string& list) {
  std::vector<Mode> modes;
  for (const std::string& name : split(list)) {
    if (name == "all")
      for (const auto& mode : kModes) modes.push_back(mode.value);
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
  line.text("--mode", help_of("disciplines to run, a comma-separated list or all", kModes), "NAME[,NAME]",
            [&](const std::string& value) { s.modes = modes_of(value); });
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
  line.text("--step", "step size of the first epoch (default: from the model and the data)", "X", [&](const std::string& value) {
    o.step = number_of<double>("--step", value);
    if (o.step <= 0) throw Error(fmt::format("--step {} cannot be used: give a positive number, or leave it out", value));
  });
  line.name("--schedule", kSchedules, o.schedule, fmt::format("step size over the epochs (default {})", name_of(kSchedules, o.schedule)));
  line.number<double>("--decay", o.decay, fmt::format("of the schedule (default {})", o.decay));
  line.number<double>("--l2", s.model.l2, "weight of l2/2 |w|^2 in the objective (default 0)");
  line.name("--rule", kRules, o.rule, "how a gradient moves a weight");
  line.number<std::uint64_t>("--seed", o.seed, "of the order of the examples and the start values (default 1)");
  line.number<std::size_t>("--hot-rows", o.hot_rows, "mode cached: most rows that a worker keeps privately, rounded up to whole pages (default: from the data)");
  line.number<int>("--flush", o.flush, "mode cached: own updates of a row between merges, rounded down to a power of two (default: from the threads)");
  line.number<double>("--target-loss", o.target_loss, "end a run when the training loss is at or below this");
  line.path("--curve", s.curve, "write the records of all runs, as JSON lines (.jsonl) or a table (.csv)");
  line.path("--json", s.json, "write the records of all runs as JSON lines; - is stdout, and then nothing else goes there");
  line.path("--predict", s.predict, "write a prediction for each example of --test (else of --data), in input order");
  line.path("--save", s.save, "write the trained model");
  line.path("--load", s.start, "go on from a model that --save wrote");
  app.add_flag("--quiet", s.quiet, "no live line and no table");
  app.add_flag_callback("--version", [] { throw CLI::CallForVersion(version_text(), 0); }, "what was compiled in");
}

/// Fails early if a file could not be written: a run may take hours.
void check_writable(const char* flag, const std::string& path) {
  if (path.empty() || path == "-") return;
  const std::filesystem::path target(path);
  std::error_code ignored;
  if (std::filesystem::is_directory(target, ignored)) throw Error(fmt::format("{} {} is a directory: give a file", flag, path));
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  const bool exists = std::filesystem::exists(target, ignored);
  const bool renamed = std::string_view(flag) == "--save" && (!exists || std::filesystem::is_regular_file(target, ignored));
  if (!std::filesystem::is_directory(folder, ignored))
    throw Error(fmt::format("{} {} cannot be written: there is no directory {}", flag, path, folder.string()));
  if (access(exists && !renamed ? path.c_str() : folder.c_str(), W_OK) != 0)  // a renamed file is made anew in its folder
    throw Error(fmt::format("{} {} cannot be written: permission denied", flag, path));
}

/// Two flags that name one file: one would destroy what the other reads or writes. Devices may be shared.
void check_distinct(const Settings& s) {
  const std::pair<const char*, const std::string&> outputs[] = {
      {"--curve", s.curve}, {"--json", s.json}, {"--predict", s.predict}, {"--save", s.save}};
  const std::pair<const char*, const std::string&> inputs[] = {{"--data", s.data}, {"--test", s.test}};
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
    for (const auto& input : inputs) refuse(outputs[i], input);
    for (std::size_t k = i + 1; k < std::size(outputs); ++k) refuse(outputs[i], outputs[k]);
  }
}

void check(const Settings& s) {
  s.options.validate();
  if (s.data.empty()) throw Error("--data is missing: give a file, builtin:NAME or synthetic:NAME (see --help)");
  if ((format_of(s.model.model) == Format::ratings || format_of(s.model.model) == Format::cut) &&
      (s.load.transform != TransformName::none || s.load.normalize != NormalizeName::none))
    throw Error(fmt::format("--transform and --normalize do not apply to --model {}: leave them out", name_of(kModels, s.model.model)));
  if (s.model.model == ModelName::cut && (s.model.l2 != 0 || !s.test.empty()))
    throw Error(fmt::format("{} does not apply to --model cut: leave it out", s.test.empty() ? "--l2" : "--test"));
  if (s.predict == "-" || s.save == "-" || s.curve == "-") throw Error("only --json can be - (stdout): give a file");
  if (!s.curve.empty() && !s.curve.ends_with(".jsonl") && !s.curve.ends_with(".csv"))
    throw Error(fmt::format("--curve {} has an unknown ending: give a name that ends in .jsonl or .csv", s.curve));
  if (s.json.ends_with(".csv")) throw Error(fmt::format("--json {} would hold JSON lines: use --curve for CSV", s.json));
  check_options(s.model);
  check_distinct(s);
  check_writable("--curve", s.curve);
  check_writable("--json", s.json);
  check_writable("--predict", s.predict);
  check_writable("--save", s.save);
}

}  // namespace

std::vector<PlannedRun> plan_of(const Settings& settings) {
  const std::vector<int> all{static_cast<int>(shm::usable_cpus().size())};
  std::vector<PlannedRun> plan;
  for (const Mode mode : settings.modes)
    for (const int threads : settings.threads.empty() ? all : settings.threads) {
      plan.push_back({mode, mode == Mode::serial ? 1 : threads});
      if (mode == Mode::serial) break;
    }
  if (plan.size() > 1 && !(settings.save.empty() && settings.predict.empty()))
    throw Error(fmt::format("{} takes the model of one run, but {} are asked for: give one --mode and one --threads",
                            settings.save.empty() ? "--predict" : "--save", plan.size()));
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
  check(settings);
  plan_of(settings);
  return settings;
}

}  // namespace sounder::bench
