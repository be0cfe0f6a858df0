// What a communication thread sleeps on when it has nothing to do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace sounder::mpi {

class Bell {
 public:
  void ring() {
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
    }
    rings_.notify_one();
  }
  /// Returns at a ring, at once if one came since the last call; or when `seconds` are over.
  void sleep(double seconds) {
    std::unique_lock lock(mutex_);
    rings_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return rung_; });
    rung_ = false;
  }
  /// Whether it rang since the last call.
  bool take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(rung_, false);
  }

 private:
  std::mutex mutex_;
  std::condition_variable rings_;
  bool rung_ = false;  // guarded by mutex_
};

}  // namespace sounder::mpi
