// How a communication thread sleeps where nothing wakes it when a message comes in.
#pragma once

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "transport/bell.hpp"
#include "transport/yielder.hpp"

namespace sounder::mpi {

/// It looks again and again while messages are likely, and then sleeps for an eighth of the time that nothing came: a frame is found
/// late by an eighth of the pause before it, at most. Each look costs about 27 us of processor time, nearly all of it the wake: after
/// 32 ms without a frame 0.7 % of a core are left.
class Idle {
 public:
  /// `roomy`: each rank of the machine has a core. Who looks for frames takes it from nobody then, as a rule: it does so for longer.
  explicit Idle(bool roomy) : alert_(roomy ? kAlertRoomy : kAlert), crowded_(roomy ? 1 : 50) {}

  /// Something was sent or came in.
  void moved() { last_.store(Clock::now(), std::memory_order_relaxed); }
  /// As Transport::sleep. `busy`: the library has messages of this rank under way.
  void sleep(double seconds, bool busy) {
    thread_local Yielder yielder;
    const auto idle = Clock::now() - last_.load(std::memory_order_relaxed);
    const bool alert = !abandoned_ && (seconds <= 0 || idle < (busy ? kAlertBusy : alert_));
    if (alert && yielder.yield(crowded_)) return;
    const double nap = std::chrono::duration<double>(alert ? kShortest : std::clamp<Clock::duration>(idle / 8, kShortest, kLongest)).count();
    rest(abandoned_ ? seconds : seconds > 0 ? std::min(seconds, nap) : nap);
  }
  /// As Transport::rest.
  void rest(double seconds) {
    thread_local bool precise = false;
    if (!precise) {
      prctl(PR_SET_TIMERSLACK, 5000UL);  // nanoseconds; usual are 50 us, the length of a nap itself
      precise = true;
    }
    bell_.sleep(seconds);
  }
  void wake() { bell_.ring(); }  ///< any thread
  /// Nothing will come in any more.
  void abandon() { abandoned_ = true; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kAlert{100}, kAlertRoomy{400}, kAlertBusy{20'000}, kShortest{50}, kLongest{4000};

  const std::chrono::microseconds alert_;   ///< so long after something moved it only yields
  const std::chrono::milliseconds crowded_; ///< and not even that, so long after a yield that took long
  // Written by: whoever calls the transport. Read by: the communication thread that sleeps. Relaxed: they are hints.
  std::atomic<Clock::time_point> last_{Clock::now()};  ///< when something last moved
  std::atomic<bool> abandoned_{false};
  Bell bell_;
};

}  // namespace sounder::mpi
