// What the rounds of a rank are made of.
#pragma once

#include <cstddef>

#include <sounder/mpi/fit.hpp>

#include "endpoint.hpp"
#include "straggler.hpp"

namespace sounder::mpi {

/// Of the thread that trains: begin(), then pad() where the local work is done (or never), then end().
class RoundTimes {
 public:
  RoundTimes(Endpoint& endpoint, const Straggler& straggler) : endpoint_(endpoint), straggler_(straggler) {}

  void begin();
  /// Sleeps until this share of the round may be done; any number of times before pad().
  void pad_to(std::uint64_t round, double share);
  /// Sleeps as --pad and --straggler say; before, where time is simulated, what so many examples take passes.
  void pad(std::uint64_t round, std::size_t examples);
  /// Adds the round to what the rank reports.
  void end(RankReport& own);

 private:
  double since(Time::Clock::time_point begin) const { return std::chrono::duration<double>(endpoint_.time().now() - begin).count(); }
  void note(SpanKind kind, Time::Clock::time_point from);
  /// Seconds of the round so far, those asleep too, less those that it waited.
  double busy() const { return since(begin_) - (endpoint_.wait_seconds() - waited_); }

  Endpoint& endpoint_;
  const Straggler& straggler_;
  Time::Clock::time_point begin_{}, awake_{}, done_{};  ///< of the round, after its last sleep, of its pad
  double waited_ = 0, worked_ = 0, padded_ = 0;
  double waited_until_done_ = 0, sum_ = 0, squares_ = 0;
  std::uint64_t round_ = 0, measured_ = 0;
  bool paused_ = false;
};

}  // namespace sounder::mpi
