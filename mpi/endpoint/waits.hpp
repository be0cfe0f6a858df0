// The threads of a rank that wait now: who wakes them, whom they wait for, and how long.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "endpoint/link.hpp"
#include "endpoint/waiting.hpp"
#include "protocol/membership.hpp"
#include "time.hpp"

namespace sounder::mpi {

/// A thread that waits. Lives on its stack; its fields are guarded by the endpoint's mutex.
struct Waiter {
  using Clock = std::chrono::steady_clock;

  std::function<bool()> ready;
  const Waiting* why = nullptr;  ///< null: for the own communication thread, which comes for sure
  std::vector<int> from{};       ///< whom to blame where `why` does not say
  Clock::time_point begin{}, asked{};  ///< set by Waits::add
  // Written by: the communication thread, under the mutex. Read by: the waiting thread. Relaxed: it takes the mutex before it goes on.
  std::atomic<bool> done{false};
  std::condition_variable wakes{};

  std::vector<int> missing() const { return why && why->on ? why->on() : from; }
  /// Whether it waits for other ranks, still.
  bool waits_for_others() const { return why && !done; }
};

/// Guarded by the endpoint's mutex.
class Waits {
 public:
  using Clock = Waiter::Clock;
  using Seconds = std::chrono::duration<double>;

  Waits(int rank, double deadline_seconds, const Time& time) : rank_(rank), deadline_(deadline_seconds), time_(time) {}

  void add(Waiter& waiter) {
    waiter.begin = waiter.asked = time_.now();
    waiters_.push_back(&waiter);
  }
  /// When it has ended; returns when that was.
  Clock::time_point remove(Waiter& waiter);
  std::size_t size() const { return waiters_.size(); }
  double seconds() const { return seconds_; }  ///< of all that have ended

  /// Wakes who has what it waits for, which `source` may have brought.
  void settle(int source, std::vector<Link>& links);
  /// They find out why by themselves.
  void wake_all();

  /// Puts the time since the last look down to whoever is missing. Calls missed(rank, waiter) for each; returns whether a wait
  /// has passed its deadline.
  bool look(Clock::time_point now, std::vector<Link>& links, const std::function<void(int, const Waiter&)>& missed);
  std::vector<WaitReport> reports(Clock::time_point now) const;

 private:
  const int rank_;
  const Seconds deadline_;
  const Time& time_;
  std::vector<Waiter*> waiters_;
  double seconds_ = 0;
};

}  // namespace sounder::mpi
