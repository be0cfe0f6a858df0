#include <algorithm>

#include <sounder/shm/backend.hpp>

#include "outputs.hpp"
#include "settings_shm.hpp"
#include "version.hpp"

namespace sounder::bench {
namespace {

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

void declare(CommandLine& line, ShmSettings& s) {
  Options& o = s.options;
  line.text("--mode", help_of("disciplines to run, a comma-separated list, all that the other flags allow, or auto (the fastest on a sample of the data)", kModes), "NAME[,NAME]",
            [&](const std::string& value) {
              s.modes = modes_of(value);
              s.all_modes = value == "all";
            });
  declare_problem(line, s);
  declare_training(line, s,
                   {.threads = "workers, a comma-separated list (default: all cores)",
                    .step = "step size of the first epoch, or auto: the best of a race on a sample (default: from the model and the data)",
                    .batch = "modes with batches: examples a batch, over all workers, or all (default: by the mode)",
                    .target_loss = "end a run when the training loss is at or below this"});
  line.on("--backoff", o.backoff, "after a divergence, go on from the last good point at half the step, up to 10 times");
  declare_files(line, s);
  declare_checkpoints(line, s);
  line.number<int>("--simulate-workers", s.simulate_workers, "mode hogwild on one thread, as N virtual workers that read stale weights");
  line.text("--tau", help_of("of --simulate-workers: the law of the staleness, in updates (default: of workers of equal speed)", kTaus),
            "LAW", [&](const std::string& value) { s.tau = value; });
  line.path("--record", s.record, "mode hogwild, rule sgd: write down in which order the workers of a small run touch the cells");
  line.path("--replay", s.replay, "repeat a run that --record wrote, bit for bit, on one thread");
  line.on("--inspect", s.inspect, "report what the data say about contention, and which mode to use, instead of training");
  line.on("--quiet", s.quiet, "no live line and no table");
}

/// `all` are those that can run with the other flags.
void leave_out_refused(ShmSettings& s) {
  std::erase_if(s.modes, [&](const std::optional<Mode>& mode) {
    Options options = s.options;
    options.mode = *mode;
    return !shm::refusal(options).empty();
  });
}

/// The modes that may run: `auto` and --inspect may take any.
std::vector<Mode> runs_of(const ShmSettings& s) {
  std::vector<Mode> modes;
  for (const std::optional<Mode> mode : s.modes)
    if (mode && !s.inspect && !s.all_modes)
      modes.push_back(*mode);
    else
      return listed("--mode", kModes, "all");
  return modes;
}

/// One thread does what is not hogwild's usual run; others have no meaning in it.
void check_one_thread(const ShmSettings& s, const char* flag) {
  for (const std::optional<Mode> mode : s.modes)
    if (mode != Mode::hogwild && mode != Mode::serial)
      throw Error(fmt::format("{} goes with --mode hogwild (and serial beside it), not {}", flag, mode ? name_of(kModes, *mode) : "auto"));
  if (!s.threads.empty() && s.threads != std::vector<int>{1})
    throw Error(fmt::format("{} runs on one thread: leave --threads out", flag));
}

void check(const ShmSettings& s) {
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
  check_problem(s);
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
  check_checkpoints(s);
  check_options(s.model);

  std::vector<Input> inputs = inputs_of(s);
  inputs.push_back({"--replay", s.replay});
  std::vector<Output> outputs = outputs_of(s);
  outputs.push_back({"--record", s.record, true});
  check_files(inputs, outputs);
}

}  // namespace

std::optional<ShmSettings> parse_shm(int argc, const char* const* argv) {
  ShmSettings settings;
  settings.program = "bench_shm";
  CommandLine line("Trains a model by stochastic gradient descent on the cores of this machine, under any discipline.", settings.program,
                   version_text());
  declare(line, settings);
  if (const std::string answer = line.parse(argc, argv); !answer.empty()) {
    fmt::print("{}", answer);
    return std::nullopt;
  }
  settings.load.format = format_of(settings.model.model);
  if (settings.all_modes) leave_out_refused(settings);
  check(settings);
  check_obeyed(line, settings, runs_of(settings));
  plan_of(settings);
  return settings;
}

}  // namespace sounder::bench
