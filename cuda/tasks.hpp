// Threads that a round starts and joins.
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace sounder::cuda {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

/// Runs f() in a thread of its own; join() rethrows what it threw.
class Task {
 public:
  template <class F>
  explicit Task(F f)
      : thread_([this, f = std::move(f)] {
          try {
            f();
          } catch (...) {
            error_ = std::current_exception();
          }
        }) {}
  ~Task() {
    if (thread_.joinable()) thread_.join();
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  /// Joins; the first error stays in `first`.
  void join(std::exception_ptr& first) {
    thread_.join();
    if (error_ && !first) first = error_;
  }

 private:
  std::exception_ptr error_;  ///< written by the thread, read after it was joined
  std::thread thread_;
};

/// Calls f() every so often until end(): after a pause of so many milliseconds, or of kPause times what f() took.
class Periodically {
 public:
  template <class F>
  Periodically(std::optional<double> milliseconds, F f)
      : task_([this, milliseconds, f = std::move(f)] {
          std::unique_lock lock(door_);
          while (!ended_) {
            lock.unlock();
            const auto begin = Clock::now();
            f();
            const auto took = Clock::now() - begin;
            lock.lock();
            changed_.wait_for(lock, milliseconds ? Milliseconds(*milliseconds) : Milliseconds(kPause * took), [&] { return ended_; });
          }
        }) {}
  ~Periodically() { tell(); }
  Periodically(const Periodically&) = delete;
  Periodically& operator=(const Periodically&) = delete;
  void end(std::exception_ptr& first) {
    tell();
    task_.join(first);
  }

 private:
  static constexpr int kPause = 4;  ///< the bus is busy with exchanges a fifth of the time

  void tell() {
    {
      const std::lock_guard lock(door_);
      ended_ = true;
    }
    changed_.notify_all();
  }

  std::mutex door_;  ///< guards ended_
  std::condition_variable changed_;
  bool ended_ = false;
  Task task_;
};

}  // namespace sounder::cuda
