// Giving the core away while that is cheap.
#pragma once

#include <chrono>
#include <thread>

namespace sounder::mpi {

/// Of one thread. Where all who want the core hand it on soon, a yield takes about a microsecond, and a frame is found at once. Where
/// somebody computes, the core comes back after a whole time slice, while a sleeper that wakes gets it before: then it is better to sleep.
class Yielder {
 public:
  /// Yields, and returns true. False: not now, sleep. After a long yield that is so for `pause`.
  bool yield(std::chrono::milliseconds pause = std::chrono::milliseconds(50)) {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    if (begin < crowded_) return false;
    std::this_thread::yield();
    const auto end = Clock::now();
    if (end - begin > kLong) crowded_ = end + pause;
    return true;
  }

 private:
  static constexpr std::chrono::microseconds kLong{200};
  std::chrono::steady_clock::time_point crowded_{};
};

}  // namespace sounder::mpi
