#include "protocol/staleness_choice.hpp"

#include <algorithm>
#include <cmath>

namespace sounder::mpi {
namespace {

constexpr std::uint64_t kMostLookedAt = 1000;  ///< clocks ahead: each costs a few nanoseconds of the thread that trains

}  // namespace

std::uint64_t StalenessChoice::choose(std::uint64_t clock, double now) {
  own_ = now - read_at_;
  const std::uint64_t lead = clock - std::min(clock, slowest_);
  if (lead <= least_) granted_ = 0;
  if (lead <= least_ || most_to_go(lead) == 0) return least_;
  if (granted_ == 0) granted_ = clocks_to_go(lead, now);
  if (granted_ == 0) return least_;
  --granted_;
  return lead;  // so the read need not wait
}

void StalenessChoice::read(std::uint64_t slowest, double now) {
  read_at_ = now;
  if (slowest <= slowest_) return;
  if (slowest_ > 0) slowest_takes_ = (now - slowest_at_) / static_cast<double>(slowest - slowest_);
  slowest_ = slowest;
  slowest_at_ = now;
}

std::uint64_t StalenessChoice::clocks_to_go(std::uint64_t lead, double now) const {
  if (slowest_takes_ <= 0) return 0;
  std::uint64_t best = 0;
  double shortest = 0;
  for (std::uint64_t more = 0; more <= std::min(most_to_go(lead), kMostLookedAt); ++more) {
    const double stops = now + static_cast<double>(more) * own_;
    const double clocks = std::max(1., std::ceil((stops - slowest_at_) / slowest_takes_));  // of the slowest, until it completes one after
    const double waits = slowest_at_ + clocks * slowest_takes_ - stops;
    if (more == 0 || waits < shortest) best = more, shortest = waits;
  }
  return best;
}

}  // namespace sounder::mpi
