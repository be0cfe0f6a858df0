// Which mode, and how many threads, for a model on its data on this machine.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/options.hpp>

namespace sounder::shm {

/// The cache line of the parameters that most examples write.
struct HottestLine {
  RowId row{};            ///< the hottest row in it
  double share = 0;       ///< of the examples that touch the line
  /// Examples a second that all lock-free workers together can do at most, as the line must move from core to core
  /// between two of its writes; empty with one core.
  std::optional<double> cap;
  std::optional<double> core_to_core_ns{};  ///< what it was computed with: the least of three measurements
};

struct Advice {
  Mode mode = Mode::serial;
  int threads = 1;
  std::size_t hot_rows = 0;  ///< that mode `cached` keeps privately
  int flush = 0;             ///< own updates of a hot row between merges in mode `cached`

  /// What was measured: each candidate on a sample of the data, in turn, the order reversed every time.
  struct Trial {
    Mode mode;
    int threads;
    double examples_per_second;  ///< median
  };
  std::vector<Trial> trials;
  std::size_t sample = 0;        ///< examples of a trial
  HottestLine hottest{};
  std::string reason;            ///< one sentence
};

/// Measures the candidates for up to `threads` workers for some tens of milliseconds and picks the fastest. They are
/// the modes that end where serial ends (docs/modes.md): serial, hogwild, cached, and conflictfree on ratings. Nothing
/// of it touches the parameters of a later run. `options` gives the team, the pinning, the rule and the step.
Advice advise(const Kernel& kernel, const Dataset& data, const Options& options, int threads);

/// Exact on the first 20,000 examples (they are shuffled).
HottestLine hottest_line(const Kernel& kernel, const Dataset& data);

}  // namespace sounder::shm
