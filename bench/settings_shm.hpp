// What bench_shm was asked to do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sounder/train/simulator.hpp>

#include "settings.hpp"

namespace sounder::bench {

struct ShmSettings : Settings {
  std::vector<std::optional<Mode>> modes{Mode::hogwild};  ///< nothing: auto, what shm::advise says
  bool all_modes = false;    ///< `--mode all`
  std::optional<int> simulate_workers;  ///< set: hogwild runs on so many virtual workers
  std::optional<std::string> tau;       ///< of the simulation; unset: workers of equal speed
  std::string record, replay;           ///< files of an interleaving
  bool inspect = false;  ///< report on the data instead of training
};

/// One line of the plan: a mode on a number of threads.
struct PlannedRun {
  Mode mode;
  int threads;
  bool automatic = false;  ///< mode and threads are to be found from the data, with at most `threads`
};
/// The simulation that is asked for. Throws Error if it cannot be run.
Simulation simulation_of(const ShmSettings& settings);

/// The largest number of threads asked for, by default one on each usable core.
int most_threads(const Settings& settings);

/// Every mode on every number of threads; `serial` once. Throws Error if one output file would get several models.
std::vector<PlannedRun> plan_of(const ShmSettings& settings);

/// Parses the command line. Returns nothing if --help or --version answered it on stdout.
/// Throws Error on an unknown flag, a bad value, or flags that contradict each other.
std::optional<ShmSettings> parse_shm(int argc, const char* const* argv);

}  // namespace sounder::bench
