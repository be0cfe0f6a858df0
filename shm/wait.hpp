// How long a worker waits for others inside a mode.
#pragma once

#include <chrono>

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

}  // namespace sounder::shm
