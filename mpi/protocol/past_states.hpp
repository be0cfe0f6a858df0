// Exact visibility: what the last clocks changed, as it was before, for readers who are due an older state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "protocol/canary.hpp"
#include "protocol/rows.hpp"
#include "protocol/witness.hpp"

namespace sounder::mpi {

/// What the data of a state hold, worker by worker.
struct Held {
  Witness witness;
  Canary canary;
};

/// A state of a shard, as a reader is given it.
struct StateView {
  std::uint64_t clocks;                     ///< exact: whole clocks that it holds
  const Held& held;
  std::vector<const BlocksBefore*> before;  ///< the clocks that it does not hold, oldest first
};

class PastStates {
 public:
  /// `kept`: the oldest state that anyone is due is so many clocks old. 0: nothing is kept.
  explicit PastStates(std::uint64_t kept) : kept_(kept) {}
  bool keeps() const { return kept_ != 0; }

  /// Clock `clock` is about to be applied: to be told what it may change.
  BlocksBefore& begin(std::uint64_t clock, const Held& held, std::size_t blocks) {
    return states_.emplace_back(State{clock, held, BlocksBefore(blocks)}).blocks;
  }
  /// So many clocks are applied.
  void forget(std::uint64_t applied) {
    while (!states_.empty() && states_.front().clock + kept_ < applied) states_.pop_front();
  }
  /// The state of `due` clocks, which is kept, but for one who was removed and still reads: then the oldest there is.
  StateView at(std::uint64_t due, std::uint64_t applied, const Held& now) const {
    std::vector<const BlocksBefore*> before;
    const Held* held = &now;
    for (const State& old : states_)
      if (old.clock >= due) {
        if (before.empty()) held = &old.held;
        before.push_back(&old.blocks);
      }
    return {applied - before.size(), *held, std::move(before)};
  }

 private:
  struct State {
    std::uint64_t clock;  // that changed it
    Held held;
    BlocksBefore blocks;
  };

  std::uint64_t kept_;
  std::deque<State> states_;
};

}  // namespace sounder::mpi
