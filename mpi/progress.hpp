// How far the ranks are, who takes a point of the curve when, and when it is enough: without stopping anyone.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include <sounder/mpi/fit.hpp>

#include "endpoint.hpp"

namespace sounder::mpi {

/// What rank 0 counts in modes whose ranks do not wait for each other, and tells all: each rank reports its rounds; when all have
/// processed as many examples as an epoch has, point 1 is due everywhere, and so on; after the last point all are to stop.
class Progress {
 public:
  struct Plan {
    std::uint64_t all_examples;     ///< an epoch
    int epochs;
    int already;                    ///< of these, in a run that goes on
    bool counts;                    ///< rank 0 declares points and the end; else the ranks do so themselves, in lockstep
    int workers;
  };
  /// On the communication thread of each rank, when a point is due.
  using OnPoint = std::function<void(int point)>;

  /// Collective: returns when all ranks listen.
  Progress(Endpoint& endpoint, const Plan& plan, OnPoint on_point, RankObserver& observer);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// The training clock starts. After a barrier, so that it starts at about the same time on all ranks.
  void start() { begin_ = endpoint_.time().now(); }
  double seconds() const { return std::chrono::duration<double>(endpoint_.time().now() - begin_).count(); }

  /// The own rank has completed a round of so many examples; `bytes_sent` and `ask_stop`: as of now.
  void report(std::uint64_t clock, std::uint64_t examples, std::uint64_t bytes_sent, std::optional<Stopped> ask_stop);

  /// In lockstep, from rank 0 when it has trained: what ranks that only serve wait for.
  void end(Stopped reason);

  /// The last point that is due.
  int points() const { return points_.load(std::memory_order_acquire); }
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }
  /// Why, once stopped().
  Stopped reason() const { return static_cast<Stopped>(reason_.load(std::memory_order_acquire)); }

  /// What rank 0 knew when it declared a point; for the curve.
  struct Declared {
    double seconds = 0;
    std::uint64_t examples = 0, bytes_sent = 0;
  };
  std::vector<Declared> declared() const;

 private:
  void count(const Frame& frame);
  void declare(int point);
  void stop(Stopped reason);

  Endpoint& endpoint_;
  Plan plan_;
  OnPoint on_point_;
  RankObserver& observer_;
  std::chrono::steady_clock::time_point begin_{};
  // Written by: the communication thread. Read by: the thread that trains, between rounds. Order: release and acquire, so that
  // what on_point did is seen by who sees the point.
  std::atomic<int> points_{0};
  std::atomic<bool> stopped_{false};
  std::atomic<int> reason_{0};
  // All that follows belongs to rank 0's communication thread, but for declared_, which fit reads after the run.
  RankProgress progress_;
  std::vector<std::uint64_t> clocks_, bytes_;
  mutable std::mutex mutex_;
  std::vector<Declared> declared_;
  bool ended_ = false;  ///< stop was sent
};

}  // namespace sounder::mpi
