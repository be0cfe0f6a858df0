// Spin locks for rows, taken for a whole example in one order.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <sounder/params/table.hpp>

namespace sounder {

/// One lock a row, up to kMostLocks a table; beyond, neighbouring rows share one.
class RowLocks {
 public:
  static constexpr std::size_t kMostLocks = std::size_t{1} << 20;

  explicit RowLocks(const Layout& layout);

  /// The locks that one step needs. Collect the rows, acquire, step, release.
  class Held {
   public:
    /// `waited`, if given, grows by the seconds of every wait that is longer than a few hundred nanoseconds.
    explicit Held(RowLocks& locks, double* waited = nullptr) : locks_(locks), waited_(waited) { wanted_.reserve(256); }
    ~Held() {  // a step that throws must not leave the others waiting
      if (acquired_) release();
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    void want(int table, std::uint32_t row) { wanted_.push_back(locks_.lock_of(table, row)); }

    /// Takes the locks in ascending order, each once, so that no two workers can wait for each other.
    void acquire() {
      if (!std::is_sorted(wanted_.begin(), wanted_.end())) std::sort(wanted_.begin(), wanted_.end());
      wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
      for (const std::uint32_t lock : wanted_) locks_.acquire(lock, waited_);
      acquired_ = true;
    }
    void release() {
      for (const std::uint32_t lock : wanted_) locks_.locks_[lock].store(0, std::memory_order_release);
      wanted_.clear();
      acquired_ = false;
    }

   private:
    RowLocks& locks_;
    double* waited_;
    std::vector<std::uint32_t> wanted_;
    bool acquired_ = false;
  };

 private:
  std::uint32_t lock_of(int table, std::uint32_t row) const { return first_[table] + (row >> shift_[table]); }

  void acquire(std::uint32_t lock, double* waited) {
    using Clock = std::chrono::steady_clock;
    int spins = 0;
    Clock::time_point begin{};
    while (locks_[lock].exchange(1, std::memory_order_acquire) != 0)
      while (locks_[lock].load(std::memory_order_relaxed) != 0) {
        if (++spins == 64 && waited) begin = Clock::now();
        if (spins % 256 == 0) std::this_thread::yield();  // the holder may be waiting for this core
      }
    if (waited && spins >= 64) *waited += std::chrono::duration<double>(Clock::now() - begin).count();
  }

  // Written by: the worker that takes or frees a lock. Read by: workers that wait for it. Order: acquire on taking,
  // release on freeing, so that all that was written under the lock is seen by its next holder.
  std::vector<std::atomic<std::uint32_t>> locks_;
  std::uint32_t first_[kMaxTables] = {};
  int shift_[kMaxTables] = {};
};

}  // namespace sounder
