// Waiting for another worker: the one place where a mode spins.
#pragma once

#include <chrono>
#include <thread>

namespace sounder::shm {

/// Returns when `done()` does. Spins for some microseconds, as long as a step takes, then yields the core: the other
/// worker may need it. Where other programs want the cores too, a yield may cost a whole time slice: after some tenths
/// of a millisecond it sleeps instead, and is woken in time.
template <class F>
void wait_until(F done) {
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
