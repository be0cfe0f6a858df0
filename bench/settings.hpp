// What a bench program was asked to do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sounder/data/load.hpp>
#include <sounder/model/builtin.hpp>
#include <sounder/options.hpp>

namespace sounder::bench {

/// The flags of bench_shm, parsed and checked one by one. `options.mode` and `options.threads` are set anew
/// for each run from `modes` and `threads`.
struct Settings {
  std::vector<Mode> modes{Mode::hogwild};
  bool all_modes = false;    ///< `--mode all`
  std::vector<int> threads;  ///< empty: all usable cores
  ModelOptions model;
  std::string data, test;
  LoadOptions load;
  Options options;
  std::string curve, json, predict, save, start;
  bool quiet = false;
};

/// One line of the plan: a mode on a number of threads.
struct PlannedRun {
  Mode mode;
  int threads;
};
/// Every mode on every number of threads; `serial` once. Throws Error if one output file would get several models.
std::vector<PlannedRun> plan_of(const Settings& settings);

/// Parses the command line. Returns nothing if --help or --version answered it on stdout.
/// Throws Error on an unknown flag, a bad value, or flags that contradict each other.
std::optional<Settings> parse(int argc, const char* const* argv);

}  // namespace sounder::bench
