// Contenders that do the same thing on all ranks, timed in turn.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "endpoint.hpp"

namespace sounder::bench {

struct Contender {
  std::string name;
  std::function<void()> run;        ///< once, on every rank
  std::function<void()> prepare{};  ///< before each, unmeasured
};

/// Seconds of each contender, one a repetition: of the rank that took longest, from a common start.
struct Timing {
  std::string name;
  std::vector<double> seconds;

  double median() const;
};

/// Each runs once unmeasured, then `repeat` times in turn, the order reversed each time. The same on all ranks, which all call it.
std::vector<Timing> in_turn(mpi::Endpoint& endpoint, const std::vector<Contender>& contenders, int repeat);

}  // namespace sounder::bench
