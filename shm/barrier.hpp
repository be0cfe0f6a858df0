// A barrier that a worker who fell can break, so that nobody waits for it.
#pragma once

#include <atomic>
#include <cstdint>

#include <sounder/params/table.hpp>

#include "wait.hpp"

namespace sounder::shm {

class Barrier {
 public:
  explicit Barrier(int workers) : workers_(workers) {}

  /// Waits for all workers; the last one to come runs `last` before any goes on. False: broken, leave the round.
  /// All that a worker wrote before is seen by all behind it.
  template <class F>
  bool wait(F last, Probe* probe = nullptr) {
    const std::uint32_t phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == workers_) {
      last();
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
    } else {
      wait_until([&] { return phase_.load(std::memory_order_acquire) != phase || broken(); }, probe);
    }
    return !broken();
  }
  bool wait(Probe* probe = nullptr) {
    return wait([] {}, probe);
  }

  /// Runs f; if it throws, those who wait are let go.
  template <class F>
  void guard(F f) {
    try {
      f();
    } catch (...) {
      broken_.store(true, std::memory_order_release);
      throw;
    }
  }
  bool broken() const { return broken_.load(std::memory_order_acquire); }

  /// Before a round, no worker running: mends what an earlier round broke.
  void reset() {
    arrived_.store(0, std::memory_order_relaxed);
    broken_.store(false, std::memory_order_relaxed);
  }

 private:
  const int workers_;
  // Written by: each worker that comes, and the last one. Read by: the same. Order: acquire and release, so that the
  // last one has seen what all wrote.
  alignas(kCacheLine) std::atomic<int> arrived_{0};
  // Written by: the last worker to come. Read by: those who wait. Order: release and acquire; publishes the work of all.
  alignas(kCacheLine) std::atomic<std::uint32_t> phase_{0};
  // Written by: a worker that falls. Read by: all. Order: release and acquire; only its value matters.
  std::atomic<bool> broken_{false};
};

}  // namespace sounder::shm
