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
  std::uint64_t bytes_sent = 0;    ///< between ranks, by all of them
  double train_loss = 0;           ///< the objective: mean loss and L2
  std::optional<double> test_loss; ///< mean loss on the test set
  std::optional<double> test_metric;
  double step = 0;                 ///< step size of the epoch that ended here
};

using Curve = std::vector<Point>;

/// Where a run has left the numbers. No point of the curve: that ends at the last good one.
struct Divergence {
  int epoch = 0;               ///< in which it was found, counted from 1
  std::uint64_t examples = 0;  ///< of that epoch handed out by then
  double loss = 0;             ///< as it was found: a mean, or not finite
  double step = 0;             ///< step size
};

/// A divergence after which the run went back to a good point.
struct Backoff {
  Divergence divergence;
  int epochs = 0;   ///< done at the point gone back to
  double step = 0;  ///< of the next attempt
};

/// "diverged in epoch 3 after 2048 examples of it (loss 7e+05) at step 4"
std::string text_of(const Divergence& divergence);

}  // namespace sounder
