// Hidden data beside the rows of a shard, from which a reader decodes the exact set of updates that it sees.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sounder::mpi {

/// What a worker's first push of a clock to a shard adds: 4^(clock mod 24) into lane clock / 24. In base 4, a lane's digit is then 0 where
/// the update of that clock is missing, 1 where it was added once, 2 or 3 where more often. 24 digits are exact in a double.
struct CanaryUpdate {
  static constexpr std::uint64_t kDigits = 24;
  static constexpr double kFull = 93824992236885.0;  ///< (4^24 - 1) / 3: every digit 1

  std::uint64_t lane = 0;
  double add = 0;

  static CanaryUpdate of(std::uint64_t clock) {
    return {clock / kDigits, static_cast<double>(std::uint64_t{1} << (2 * (clock % kDigits)))};
  }
};
static_assert(sizeof(CanaryUpdate) == 16);

/// What some lanes of one worker say.
struct CanaryReading {
  std::uint64_t clocks = 0;  ///< updates of so many clocks are there, beginning with clock 0
  bool hole = false;         ///< a later one is there too, an earlier one is missing
  bool twice = false;        ///< one was added more than once
};

/// `lanes` are those from number `first_lane` on; the ones before are known to be full.
inline CanaryReading read_canary(std::uint64_t first_lane, std::span<const double> lanes) {
  CanaryReading reading{.clocks = first_lane * CanaryUpdate::kDigits};
  bool ended = false;
  for (const double lane : lanes) {
    if (lane == CanaryUpdate::kFull && !ended) {
      reading.clocks += CanaryUpdate::kDigits;
      continue;
    }
    const auto digits = static_cast<std::uint64_t>(lane);
    constexpr std::uint64_t kHigh = 0xAAAAAAAAAAAAAAAA;
    if (digits & kHigh) reading.twice = true;
    const std::uint64_t there = (digits | digits >> 1) & ~kHigh;  // a bit for each digit that is not 0
    const std::uint64_t filled = there | there << 1;
    if ((ended && digits) || (filled & (filled + 1))) reading.hole = true;
    if (!ended) reading.clocks += static_cast<std::uint64_t>(std::countr_one(filled)) / 2;
    ended = true;
  }
  return reading;
}

/// The lanes of all workers on one shard.
class Canary {
 public:
  explicit Canary(int workers) : lanes_(static_cast<std::size_t>(workers)) {}
  void apply(int worker, const CanaryUpdate& update) {
    std::vector<double>& lanes = lanes_[static_cast<std::size_t>(worker)];
    if (lanes.size() <= update.lane) lanes.resize(update.lane + 1);
    lanes[update.lane] += update.add;
  }
  std::span<const double> lanes(int worker, std::uint64_t first_lane) const {
    const std::span<const double> all = lanes_[static_cast<std::size_t>(worker)];
    return all.subspan(std::min<std::size_t>(all.size(), first_lane));
  }

 private:
  std::vector<std::vector<double>> lanes_;
};

}  // namespace sounder::mpi
