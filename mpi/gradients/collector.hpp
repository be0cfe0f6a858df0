// The gradient of a round of one rank, gathered by its workers at parameters that nobody moves.
#pragma once

#include <vector>

#include <sounder/params/gradient.hpp>

#include "modes/mode.hpp"
#include "reduce/row_sums.hpp"

namespace sounder::mpi {

/// Where a rank's parameters lie, and how it steps on them in a round.
inline StepContext context_of(const Setting& setting, const Round& round) {
  return {.cells = setting.parameters.cells(), .rate = round.rate, .l1 = round.l1};
}

/// One sum a worker; these are added up in the order of the workers, and then that of who gathers beside them (Backend::gatherer).
class Collector {
 public:
  Collector(const Setting& setting, const RowNumbers& numbers);

  /// Takes all chunks of the round.
  RowSums operator()(const RankRound& round);

 private:
  RowSums of_team(const RankRound& round);

  const Setting& setting_;
  const RowNumbers& numbers_;
  std::vector<Gradient> gradients_;
  std::vector<RowSums> sums_;
};

}  // namespace sounder::mpi
