// What the threads of a rank did when: spans, for as long as there is room.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include <sounder/mpi/trace.hpp>

namespace sounder::mpi {

class Trace {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Trace(std::size_t most) : most_(most) { spans_.reserve(most < kReserved ? most : kReserved); }

  /// Any thread. Left out where it is full or off. `rank`: the other one, of what comes and goes.
  void add(SpanKind kind, Clock::time_point begin, Clock::time_point end, int rank = -1) {
    const std::lock_guard lock(mutex_);
    if (!on_) return;
    if (spans_.size() < most_)
      spans_.push_back({std::chrono::duration<double>(begin.time_since_epoch()).count(), std::chrono::duration<double>(end - begin).count(), rank, kind});
    else
      ++left_out_;
  }
  /// Notes what is training; the rest is not told.
  void set(bool on) {
    const std::lock_guard lock(mutex_);
    on_ = on;
  }
  std::vector<TraceSpan> take() {
    const std::lock_guard lock(mutex_);
    return std::move(spans_);
  }
  std::uint64_t left_out() const {
    const std::lock_guard lock(mutex_);
    return left_out_;
  }

 private:
  static constexpr std::size_t kReserved = 4096;

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::vector<TraceSpan> spans_;  // guarded by mutex_, as all that follows
  std::uint64_t left_out_ = 0;
  bool on_ = false;
};

class Endpoint;

/// Those of all ranks, on rank 0's clock; empty on the others. Ends the traces. Called by all ranks.
std::vector<RankTrace> gather_traces(Endpoint& endpoint);

}  // namespace sounder::mpi
