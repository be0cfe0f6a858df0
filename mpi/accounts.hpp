// What the training clock and the counters of a rank count, and what they leave out.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include <sounder/mpi/fit.hpp>

#include "endpoint.hpp"

namespace sounder::mpi {

/// Of one rank, from start() on. Called by the thread that trains.
class Accounts {
 public:
  explicit Accounts(Endpoint& endpoint) : endpoint_(endpoint), begin_(endpoint.time().now()) {}

  /// `already`: what the clock shows at the start, and what all ranks had sent by then (a run that goes on).
  void start(double already, std::uint64_t bytes_already);
  double seconds() const { return seconds_since(begin_) + already_; }
  std::uint64_t bytes_already() const { return bytes_already_; }
  /// Of this rank, to others.
  std::uint64_t bytes_sent() const;

  /// Work that is no training, on all ranks alike: neither its time counts nor what it sends and waits for.
  void leave_out(const std::function<void()>& work);

  /// Waiting and communication up to now, into what this rank reports.
  void close(RankReport& own);
  const std::vector<Link>& links_before() const { return links_before_; }
  const std::vector<Link>& links_after() const { return links_after_; }

 private:
  using Clock = std::chrono::steady_clock;
  double seconds_since(Clock::time_point begin) const { return std::chrono::duration<double>(endpoint_.time().now() - begin).count(); }

  void note(bool on) const;  ///< whether the trace is of training

  Endpoint& endpoint_;
  Clock::time_point begin_{};
  double already_ = 0, waited_before_ = 0, communicated_before_ = 0;
  std::uint64_t bytes_already_ = 0, sent_before_ = 0;
  std::vector<Link> links_before_, links_after_;
};

}  // namespace sounder::mpi
