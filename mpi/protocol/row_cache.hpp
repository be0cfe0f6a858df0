// Rows of one shard that its server keeps up to date here, whenever the slowest clock moves on (ESSP).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "protocol/frame.hpp"
#include "protocol/rows.hpp"

namespace sounder::mpi {

/// One `advanced` frame, taken apart: the state that it brings the rows to, and the rows that changed.
struct Advance {
  Frame frame;  ///< owns what the rest points into
  std::span<const Run> runs;
  std::span<const float> values;
};

/// Server and cache share a channel that keeps order, so the rows only ever get newer. With exact visibility a frame waits until its
/// state is due.
class RowCache {
 public:
  RowCache(const ShardMap& map, int server) : rows_(map, server) {
    for (std::size_t table = 0; table < rows_.tables(); ++table) here_.emplace_back(static_cast<std::size_t>(rows_.rows(table)));
  }

  void subscribe(std::span<const Run> runs) {
    for (const Run& run : runs) {
      const auto first = here_[run.table].begin() + static_cast<std::ptrdiff_t>(run.first);
      std::fill(first, first + run.count, true);
    }
  }
  bool covers(std::span<const Run> runs) const {
    return std::all_of(runs.begin(), runs.end(), [&](const Run& run) {
      const auto first = here_[run.table].begin() + static_cast<std::ptrdiff_t>(run.first);
      return std::find(first, first + run.count, false) == first + run.count;
    });
  }

  void arrive(Advance advance) { waiting_.push_back(std::move(advance)); }
  /// Goes on to the newest state that has come in and holds no more than `clocks` clocks.
  void advance_to(std::uint64_t clocks) {
    while (!waiting_.empty() && waiting_.front().frame.header.clock <= clocks) {
      const Advance& next = waiting_.front();
      const float* value = next.values.data();
      for (const Run& run : next.runs) {
        const auto [first, count] = rows_.place(run);
        std::copy_n(value, count, rows_.all().data() + first);
        value += count;
      }
      state_ = next.frame;
      ready_ = true;
      waiting_.pop_front();
    }
  }

  /// A server's answer to a pull of some of the rows: newer than what is here.
  void overwrite(const Run& run, std::span<const float> values) {
    if (covers({&run, 1})) std::copy(values.begin(), values.end(), rows_.all().begin() + static_cast<std::ptrdiff_t>(rows_.place(run).first));
  }

  bool ready() const { return ready_; }
  /// The frame that brought the rows to where they are.
  const Frame& state() const { return state_; }
  std::span<const float> values(const Run& run) const {
    const auto [first, count] = rows_.place(run);
    return rows_.all().subspan(first, count);
  }

 private:
  StoredRows rows_;
  std::vector<std::vector<bool>> here_;  // table -> row
  std::deque<Advance> waiting_;
  Frame state_;
  bool ready_ = false;
};

}  // namespace sounder::mpi
