// Waiting for another worker: the one place where a mode spins, and where the wait is timed.
#pragma once

#include <chrono>
#include <thread>

#include <sounder/train/probe.hpp>

namespace sounder::shm {

/// Lives as long as a worker waits: for its turn, at a barrier, for a lock that was found taken. Only around real waits,
/// as it reads the clock twice; the wait at the end of a round is measured without it.
class Waiting {
 public:
  Waiting(Probes* telemetry, int worker) : Waiting(telemetry ? &telemetry->of(worker) : nullptr) {}
  explicit Waiting(Probe* probe) : probe_(probe) {
    if (probe_) begin_ = Clock::now();
  }
  ~Waiting() {
    if (probe_) probe_->waited(std::chrono::duration<double>(Clock::now() - begin_).count());
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  Probe* probe_;
  Clock::time_point begin_{};
};

/// Returns when `done()` does. Spins for some microseconds, as long as a step takes, then yields the core: the other worker
/// may need it. Where other programs want the cores too, a yield may cost a whole time slice: after some tenths of a
/// millisecond it sleeps instead, and is woken in time. A wait is timed for `probe`, if any.
template <class F>
void wait_until(F done, Probe* probe = nullptr) {
  if (done()) return;
  const Waiting waiting(probe);
  constexpr int kSpins = 512;
  constexpr std::chrono::microseconds kPatience{300}, kSleep{20};
  for (int spins = 0; spins < kSpins; ++spins) {
    if (done()) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done())
    if (std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(kSleep);
}

}  // namespace sounder::shm
