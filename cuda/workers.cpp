#include "workers.hpp"

#include <algorithm>
#include <cmath>

#include "device/segment.hpp"

namespace sounder::cuda {
namespace {

// Conflict indices of all workers together. Adds of stale updates overshoot where steps are long: those of linear models at their default
// go half of the way to what one example wants (imdb on an H100, 5 epochs: at 8 the loss is 2 % above that of one worker); those of
// a factorization a fiftieth (MovieLens-1M, simulated: at 13 it is 0.5 % above). Stores lose all but one of the updates that meet.
constexpr double kOfAdds = 2, kOfAddsToRatings = 16, kOfStores = 0.25;
constexpr std::size_t kPieces = 4;

}  // namespace

double conflict_index(const Dataset& data) {
  double most = 0;
  const auto examples = static_cast<double>(std::max<std::uint64_t>(1, data.all_examples()));
  for (std::uint32_t space = 0; space < data.spaces(); ++space) {
    double sum = 0, squares = 0;
    for (const std::uint32_t frequency : data.frequencies(space)) {
      const double p = static_cast<double>(frequency) / examples;
      sum += p;
      squares += p * p;
    }
    if (sum > 0) most = std::max(most, squares / sum);
  }
  return most;
}

int workers_that_fit(const Caps& caps, int lanes) { return std::max(1, caps.multiprocessors * caps.threads_per_multiprocessor / std::max(1, lanes)); }

int workers_for(const Dataset& data, const Caps& caps, int lanes, bool adds) {
  const double fit = workers_that_fit(caps, lanes);
  const double most = !adds ? kOfStores : data.spaces() == 2 ? kOfAddsToRatings : kOfAdds;
  const double by_conflicts = most / std::max(conflict_index(data), 1e-12);
  const double by_size = static_cast<double>(data.size()) / static_cast<double>(kPieces * kPiece);
  return static_cast<int>(std::max(1., std::min({fit, by_conflicts, by_size})));
}

}  // namespace sounder::cuda
