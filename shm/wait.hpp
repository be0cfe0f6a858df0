// Waiting for another worker: the one place where a mode spins.
#pragma once

#include <chrono>
#include <thread>

namespace sounder::shm {

/// Returns when `done()` does. Spins for some microseconds, as long as a step takes, then gives the core away: the other
/// worker may need it. Yields alone are not enough where other programs want the cores too: each may cost a whole time
/// slice, while a sleeper is woken in time.
template <class F>
void wait_until(F done) {
  constexpr int kSpins = 512, kYields = 8;
  for (int tries = 0; !done(); ++tries) {
    if (tries >= kSpins + kYields)
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    else if (tries >= kSpins)
      std::this_thread::yield();
#if defined(__x86_64__)
    else
      __builtin_ia32_pause();
#endif
  }
}

}  // namespace sounder::shm
