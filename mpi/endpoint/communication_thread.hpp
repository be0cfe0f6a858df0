// Who calls the transport: sends, takes in, watches the deadlines, and takes leave. One thread of the rank is there for that; where the transport wants it, others that would
// wait for that one do its work themselves meanwhile (helping.cpp), as neither has to wake the other then.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "endpoint/desk.hpp"
#include "endpoint/pollers.hpp"
#include "endpoint/watch.hpp"
#include "protocol/frame.hpp"
#include "transport/transport.hpp"

namespace sounder::mpi {

class CommunicationThread {
 public:
  CommunicationThread(Desk& desk, Transport& transport, double deadline_seconds);
  /// As ~Endpoint.
  ~CommunicationThread();
  CommunicationThread(const CommunicationThread&) = delete;
  CommunicationThread& operator=(const CommunicationThread&) = delete;

  // Any thread.
  bool is_current() const;
  /// Something lies on the desk.
  void wake() {
    if (!is_current()) transport_.wake();
  }
  /// As Endpoint::fail.
  void fail(const std::string& reason) {
    if (desk_.fail(reason)) transport_.wake();
  }
  double processor_seconds() const;
  /// Another thread does what there is to do until `done`, for a while. False: it need not, or may not now.
  bool help(const std::atomic<bool>& done);
  /// Another thread does this, and what lies on the desk. False: the same.
  bool help(const std::function<void()>& work);
  /// Who could not help will sleep: the communication thread looks again.
  void end_rest();

  // On the thread itself, or the one that does its work.
  /// Calls f; what it throws fails the run.
  template <class F>
  void guard(const F& f) noexcept {
    try {
      f();
    } catch (...) {
      fail_with(std::current_exception());
    }
  }
  void flush();  ///< sends what lies on the desk
  Pollers& pollers() { return pollers_; }
  Watch& watch() { return watch_; }

 private:
  class As;

  void live();
  std::optional<double> turn(const std::atomic<bool>* done = nullptr);
  bool begin_help(std::unique_lock<std::mutex>& turning);
  void end_help(std::unique_lock<std::mutex>& turning, bool all_done, std::size_t own_waits);
  bool work();
  bool receive();
  void dispatch(Frame frame);
  void settle(int source);
  void look();
  void announce(const std::string& reason);
  void fail_with(const std::exception_ptr& error) noexcept;
  bool ended();
  double patience() const;

  static thread_local const CommunicationThread* current_;  ///< that one which this thread is, or whose work it does

  Desk& desk_;
  Transport& transport_;
  const int rank_;
  const double deadline_seconds_;

  std::mutex turning_;  ///< whose turn it is
  // Written by: threads that help. Read by: the communication thread, which then leaves the transport to them for a while. Relaxed: a hint.
  std::atomic<bool> helped_{false};
  // Written by: the communication thread, in its turn or once it is awake. Read by: threads that help, in theirs. Relaxed: the mutex orders what matters.
  std::atomic<bool> sleeps_{false};

  // Guarded by turning_.
  std::vector<std::pair<int, Frame>> leaving_;
  std::vector<std::function<void()>> working_;
  Pollers pollers_;
  Watch watch_;
  bool failed_ = false;

  bool over_ = false;   ///< hosted: its last turn is done
  std::thread thread_;  ///< none where turns are hosted
};

}  // namespace sounder::mpi
