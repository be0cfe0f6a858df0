// How a communication thread sleeps where nothing wakes it when a message comes in.
#pragma once

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include "transport/bell.hpp"
#include "transport/yielder.hpp"

namespace sounder::mpi {

/// It looks again and again while messages are likely, and then sleeps for an eighth of the time that nothing came: a frame is found
/// late by an eighth of the pause before it, at most. Each look costs about 27 us of processor time, nearly all of it the wake: after
/// 32 ms without a frame 0.7 % of a core are left.
class Idle {
 public:
  /// Something was sent or came in.
  void moved() { last_ = Clock::now(); }
  /// As Transport::sleep. `busy`: the library has messages of this rank under way.
  void sleep(double seconds, bool busy) {
    const auto idle = Clock::now() - last_;
    const bool alert = !abandoned_ && (seconds <= 0 || idle < (busy ? kAlertBusy : kAlert));
    if (alert && yielder_.yield()) return;
    const double nap = std::chrono::duration<double>(alert ? kShortest : std::clamp<Clock::duration>(idle / 8, kShortest, kLongest)).count();
    if (!precise_) {
      prctl(PR_SET_TIMERSLACK, 5000UL);  // nanoseconds; usual are 50 us, the length of the nap itself
      precise_ = true;
    }
    bell_.sleep(abandoned_ ? seconds : seconds > 0 ? std::min(seconds, nap) : nap);
  }
  void wake() { bell_.ring(); }  ///< any thread
  /// Nothing will come in any more.
  void abandon() { abandoned_ = true; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kAlert{100}, kAlertBusy{20'000}, kShortest{50}, kLongest{4000};

  Clock::time_point last_ = Clock::now();  ///< when something last moved
  bool abandoned_ = false, precise_ = false;
  Bell bell_;
  Yielder yielder_;
};

}  // namespace sounder::mpi
