#include "endpoint/waits.hpp"

#include <cstddef>

namespace sounder::mpi {

Waits::Clock::time_point Waits::remove(Waiter& waiter) {
  const auto end = time_.now();
  std::erase(waiters_, &waiter);
  if (waiter.why) seconds_ += Seconds(end - waiter.begin).count();
  return end;
}

void Waits::settle(int source, std::vector<Link>& links) {
  for (Waiter* waiter : waiters_) {
    if (waiter->done || !waiter->ready()) continue;
    waiter->done = true;
    waiter->wakes.notify_one();
    // Who came last was waited for since the others were last asked for.
    if (waiter->why && source != rank_)
      links[static_cast<std::size_t>(source)].waited_seconds += Seconds(time_.now() - waiter->asked).count();
  }
}

void Waits::wake_all() {
  for (Waiter* waiter : waiters_) waiter->wakes.notify_one();
}

bool Waits::look(Clock::time_point now, std::vector<Link>& links, const std::function<void(int, const Waiter&)>& missed) {
  bool overdue = false;
  for (Waiter* waiter : waiters_) {
    if (!waiter->waits_for_others()) continue;
    const std::vector<int> missing = waiter->missing();
    for (const int rank : missing) {
      if (rank == rank_) continue;
      links[static_cast<std::size_t>(rank)].waited_seconds += Seconds(now - waiter->asked).count() / static_cast<double>(missing.size());
      missed(rank, *waiter);
    }
    waiter->asked = now;
    overdue |= now - waiter->begin > deadline_;
  }
  return overdue;
}

std::vector<WaitReport> Waits::reports(Clock::time_point now) const {
  std::vector<WaitReport> reports;
  for (const Waiter* waiter : waiters_) {
    if (!waiter->waits_for_others()) continue;
    reports.push_back({.on = waiter->missing(),
                       .what = std::string(waiter->why->what),
                       .clock = waiter->why->clock,
                       .seconds = Seconds(now - waiter->begin).count(),
                       .overdue = now - waiter->begin > deadline_});
  }
  return reports;
}

}  // namespace sounder::mpi
