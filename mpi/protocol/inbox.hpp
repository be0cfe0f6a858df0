// What one worker sends to one shard, put back into its order: each push once, each clock after its pushes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// Pushes come on one channel, clocks on another: a clock may overtake the pushes that it completes, and waits for them.
class Inbox {
 public:
  std::uint64_t taken() const { return taken_; }  ///< the last push that went on
  /// Pushes that came before an earlier one. 0 on a transport that keeps order and loses nothing.
  std::size_t early() const { return early_.size(); }

  /// Whether this push has come before.
  bool knows(std::uint64_t sequence) const { return sequence <= taken_ || early_.contains(sequence); }

  void put(Frame push) {
    const std::uint64_t sequence = push.header.sequence;
    early_.emplace(sequence, std::move(push));
  }
  /// `needs`: the push before it.
  void put_clock(std::uint64_t clocks, std::uint64_t needs, std::uint64_t sequence) { clocks_.push_back({clocks, needs, sequence}); }

  struct Clock {
    std::uint64_t clocks;    ///< completed
    std::uint64_t needs;     ///< waits for this push
    std::uint64_t sequence;  ///< the last push that belongs to it
  };
  /// The next clock, if its pushes have gone on: to be asked for before the next push.
  std::optional<Clock> take_clock() {
    if (clocks_.empty() || clocks_.front().needs > taken_) return std::nullopt;
    const Clock clock = clocks_.front();
    clocks_.pop_front();
    return clock;
  }
  std::optional<Frame> take_push() {
    if (early_.empty() || early_.begin()->first > taken_ + 1) return std::nullopt;
    Frame push = std::move(early_.begin()->second);
    early_.erase(early_.begin());
    taken_ = std::max(taken_, push.header.sequence);
    return push;
  }

 private:
  std::uint64_t taken_ = 0;
  std::map<std::uint64_t, Frame> early_;
  std::deque<Clock> clocks_;
};

}  // namespace sounder::mpi
