// What a bench program was asked to do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sounder/data/load.hpp>
#include <sounder/model/builtin.hpp>
#include <sounder/options.hpp>
#include <sounder/train/simulator.hpp>

namespace sounder::bench {

/// The flags of bench_shm, parsed and checked one by one. `options.mode` and `options.threads` are set anew
/// for each run from `modes` and `threads`.
struct Settings {
  std::vector<std::optional<Mode>> modes{Mode::hogwild};  ///< nothing: auto, what shm::advise says
  bool all_modes = false;    ///< `--mode all`
  std::vector<int> threads;  ///< empty: all usable cores
  ModelOptions model;
  std::string data, test;
  LoadOptions load;
  Options options;
  std::string curve, json, predict, save, start, resume;
  std::optional<int> simulate_workers;  ///< set: hogwild runs on so many virtual workers
  std::optional<std::string> tau;       ///< of the simulation; unset: workers of equal speed
  std::string record, replay;           ///< files of an interleaving
  bool race = false;  ///< --step auto
  bool inspect = false;  ///< report on the data instead of training
  bool quiet = false;
};

/// One line of the plan: a mode on a number of threads.
struct PlannedRun {
  Mode mode;
  int threads;
  bool automatic = false;  ///< mode and threads are to be found from the data, with at most `threads`
};
/// The simulation that is asked for. Throws Error if it cannot be run.
Simulation simulation_of(const Settings& settings);

/// The largest number of threads asked for, by default one on each usable core.
int most_threads(const Settings& settings);

/// Every mode on every number of threads; `serial` once. Throws Error if one output file would get several models.
std::vector<PlannedRun> plan_of(const Settings& settings);

/// Parses the command line. Returns nothing if --help or --version answered it on stdout.
/// Throws Error on an unknown flag, a bad value, or flags that contradict each other.
std::optional<Settings> parse(int argc, const char* const* argv);

}  // namespace sounder::bench
