// The record of a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sounder/modes.hpp>

namespace sounder {

/// The state of a run after some epochs. Point 0 is the start.
struct Point {
  int epoch = 0;
  double seconds = 0;              ///< training clock only: no loading, no evaluation
  std::uint64_t examples = 0;      ///< processed so far
  std::uint64_t updates = 0;       ///< model steps so far
  double train_loss = 0;           ///< the objective: mean loss and L2
  std::optional<double> test_loss; ///< mean loss on the test set
  std::optional<double> test_metric;
  double step = 0;                 ///< step size of the epoch that ended here
};

using Curve = std::vector<Point>;

}  // namespace sounder
