#include "round_times.hpp"

#include <algorithm>
#include <cmath>

#include "trace.hpp"

namespace sounder::mpi {

void RoundTimes::begin() {
  begin_ = awake_ = endpoint_.time().now();
  waited_ = endpoint_.wait_seconds();
  padded_ = 0;
  paused_ = false;
}

void RoundTimes::pad_to(std::uint64_t round, double share) {
  note(SpanKind::compute, awake_);
  const auto asleep = endpoint_.time().now();
  const double slept = straggler_.sleep(endpoint_.rank(), round, busy(), endpoint_.time(), share);
  if (slept > 0) note(SpanKind::pad, asleep);
  padded_ += slept;
  awake_ = endpoint_.time().now();
}

void RoundTimes::pad(std::uint64_t round, std::size_t examples) {
  endpoint_.time().worked(round, examples);
  worked_ = busy() - padded_;
  pad_to(round, 1);
  done_ = awake_;
  waited_until_done_ = endpoint_.wait_seconds();
  round_ = round;
  paused_ = true;
  if (examples == 0) return;
  const double each = worked_ / static_cast<double>(examples);
  sum_ += each, squares_ += each * each, ++measured_;
}

void RoundTimes::end(RankReport& own) {
  if (!paused_) {
    note(SpanKind::compute, begin_);
    own.compute_seconds += std::max(0., busy());
    return;
  }
  endpoint_.time().published(round_);
  note(SpanKind::exchange, done_);
  const double published = std::max(0., since(done_) - (endpoint_.wait_seconds() - waited_until_done_));
  own.pad_seconds += padded_;
  own.compute_seconds += std::max(0., worked_) + published;
  own.publish_seconds += published;
  const double mean = sum_ / static_cast<double>(std::max<std::uint64_t>(1, measured_));
  if (mean > 0) own.compute_deviation = std::sqrt(std::max(0., squares_ / static_cast<double>(measured_) / (mean * mean) - 1));
}

void RoundTimes::note(SpanKind kind, Time::Clock::time_point from) {
  if (Trace* const trace = endpoint_.trace()) trace->add(kind, from, endpoint_.time().now());
}

}  // namespace sounder::mpi
