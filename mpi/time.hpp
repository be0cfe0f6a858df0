// The time that ranks live in: that of the machine, or a simulated one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

namespace sounder::mpi {

class Time {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Time() = default;
  virtual Clock::time_point now() const { return Clock::now(); }
  /// Of a thread of a rank that is not its communication thread.
  virtual void sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }
  /// The same thread has done the local work of a round: where time is simulated it passes now, elsewhere it has passed.
  virtual void worked(std::uint64_t /*round*/, std::size_t /*examples*/) {}
  /// And has published it.
  virtual void published(std::uint64_t /*round*/) {}
};

/// Of a rank that lives in simulated time, in which one thread of all runs, and hands over where it waits.
class Turns : public Time {
 public:
  /// Instead of a communication thread: `turn` is called whenever a frame has arrived, Transport::wake() was called, or the seconds that it
  /// returned are over; until it returns nothing.
  virtual void host(std::function<std::optional<double>()> turn) = 0;
  /// Returns when ready(), which is asked after turns of this rank.
  virtual void wait(const std::function<bool()>& ready) = 0;
};

/// That of the machine.
inline Time& machine_time() {
  static Time time;
  return time;
}

}  // namespace sounder::mpi
