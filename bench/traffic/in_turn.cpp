#include "traffic/in_turn.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "collectives.hpp"

namespace sounder::bench {

double Timing::median() const {
  std::vector<double> sorted = seconds;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

std::vector<Timing> in_turn(mpi::Endpoint& endpoint, const std::vector<Contender>& contenders, int repeat) {
  std::vector<Timing> timings;
  for (const Contender& contender : contenders) timings.push_back({contender.name, {}});
  for (int repetition = -1; repetition < repeat; ++repetition)
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const std::size_t which = repetition % 2 == 0 ? i : contenders.size() - 1 - i;
      if (contenders[which].prepare) contenders[which].prepare();
      mpi::barrier(endpoint);
      const auto begin = std::chrono::steady_clock::now();
      contenders[which].run();
      const std::chrono::duration<double> own = std::chrono::steady_clock::now() - begin;
      double longest = 0;
      for (const mpi::Payload& each : mpi::all_gather(endpoint, mpi::Payload::of(std::vector<double>{own.count()})))
        longest = std::max(longest, each.as<double>()[0]);
      if (repetition >= 0) timings[which].seconds.push_back(longest);
    }
  return timings;
}

}  // namespace sounder::bench
