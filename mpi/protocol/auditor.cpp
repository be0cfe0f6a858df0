#include "protocol/auditor.hpp"

#include <algorithm>

namespace sounder::mpi {

using std::to_string;

void Auditor::check(int server, const Answer& answer) {
  ++reads_;
  std::vector<std::uint64_t>& seen = seen_[static_cast<std::size_t>(server)];
  const std::uint64_t due = clocks_due(answer.clock, answer.staleness);
  const bool all_left = std::all_of(answer.witness.begin(), answer.witness.end(), [](std::uint64_t clocks) { return clocks == kLeft; });
  for (std::size_t worker = 0; worker < seen.size(); ++worker) {
    const CanaryReading reading = read_canary(answer.first_lane, answer.canary[worker]);
    const std::uint64_t witness = answer.witness[worker];
    const bool left = witness == kLeft;
    // One who left early has fewer clocks than the lanes that are taken for full.
    const std::uint64_t clocks = left ? std::max(seen[worker], answer.canary[worker].empty() ? 0 : reading.clocks) : reading.clocks;
    const auto broken_if = [&](bool is, const char* what, std::uint64_t other) {
      if (is)
        broken(server, answer.clock,
               "of worker " + to_string(worker) + " it holds " + to_string(clocks) + " clocks, " + what + " " + to_string(other));
    };
    broken_if(reading.twice, "one twice, after", seen[worker]);
    broken_if(reading.hole, "and a later one, after", seen[worker]);
    broken_if(clocks < seen[worker], "and held before", seen[worker]);
    broken_if(!left && clocks < witness, "and its witness says", witness);
    if (!answer.newest && !left) {
      broken_if(clocks < due, "where it is due", due);
      broken_if(visibility_ == Visibility::exact && clocks > due, "where it is due exactly", due);
    }
    if (static_cast<int>(worker) == self_ && (all_left || (!answer.cached && visibility_ == Visibility::at_least)))
      broken_if(clocks < answer.own_clocks, "and this worker has sent", answer.own_clocks);
    seen[worker] = std::max(seen[worker], clocks);
  }
}

std::uint64_t Auditor::first_lane(int server) const {
  const std::vector<std::uint64_t>& seen = seen_[static_cast<std::size_t>(server)];
  return *std::min_element(seen.begin(), seen.end()) / CanaryUpdate::kDigits;
}

void Auditor::broken(int server, std::uint64_t clock, const std::string& what) {
  if (!violations_++) first_ = "a read of rank " + to_string(self_) + " in clock " + to_string(clock) + " at server " + to_string(server) + ": " + what;
}

}  // namespace sounder::mpi
