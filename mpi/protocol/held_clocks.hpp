// Exact visibility: pushes of clocks that not all workers have completed, held until the clock is applied as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "protocol/frame.hpp"
#include "protocol/inbox.hpp"
#include "protocol/message.hpp"

namespace sounder::mpi {

/// A push, or that its worker has completed the clock: for the witness of the state.
struct HeldItem {
  Frame push{};
  Inbox::Clock mark{};
  bool is_mark = false;
};

class HeldClocks {
 public:
  /// Of one clock: worker -> in order.
  using Clock = std::vector<std::vector<HeldItem>>;

  explicit HeldClocks(int workers) : marked_(static_cast<std::size_t>(workers)) {}

  void put(const Frame& push) {
    const Header& header = push.header;
    mark(header.source, header.clock, header.sequence - 1);  // a push of a clock says that the ones before are complete
    at(header.clock, header.source).push_back({.push = push});
    if (has(header, kCompletes)) marked_[static_cast<std::size_t>(header.source)] = header.clock + 1;
  }
  /// A worker's first `clocks` clocks are complete with that push.
  void mark(int worker, std::uint64_t clocks, std::uint64_t sequence) {
    std::uint64_t& marked = marked_[static_cast<std::size_t>(worker)];
    while (marked < clocks) {
      ++marked;
      at(marked - 1, worker).push_back({.mark = {marked, sequence, sequence}, .is_mark = true});
    }
  }
  /// The worker has left after so many clocks, as the mark says.
  void leave(int worker, std::uint64_t clocks, const Inbox::Clock& mark) { at(clocks, worker).push_back({.mark = mark, .is_mark = true}); }
  /// The worker was lost: what it did not complete is dropped.
  void drop(int worker, std::uint64_t completed) {
    for (auto& [clock, workers] : clocks_)
      if (clock >= completed) workers[static_cast<std::size_t>(worker)].clear();
  }

  bool empty() const { return clocks_.empty(); }
  std::uint64_t last() const { return clocks_.rbegin()->first; }
  /// A clock is taken once; it may be that nobody pushed in it.
  Clock take(std::uint64_t clock) {
    const auto found = clocks_.find(clock);
    if (found == clocks_.end()) return {};
    Clock workers = std::move(found->second);
    clocks_.erase(found);
    return workers;
  }

 private:
  std::vector<HeldItem>& at(std::uint64_t clock, int worker) {
    Clock& workers = clocks_[clock];
    workers.resize(marked_.size());
    return workers[static_cast<std::size_t>(worker)];
  }

  std::map<std::uint64_t, Clock> clocks_;
  std::vector<std::uint64_t> marked_;  // worker -> clocks that are said to be complete
};

}  // namespace sounder::mpi
