// When each row of a shard last changed, for subscribers: they are sent what has changed since.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/rows.hpp"
#include "protocol/shard_map.hpp"

namespace sounder::mpi {

/// A stamp is the number of a change. Until start() no row has one.
class RowStamps {
 public:
  void start(const StoredRows& rows) {
    for (std::size_t table = 0; table < rows.tables(); ++table) of_.emplace_back(static_cast<std::size_t>(rows.rows(table)), now_);
  }
  std::uint64_t now() const { return now_; }
  void next() { ++now_; }

  void stamp(std::span<const Run> runs, const StoredRows& rows) {
    if (of_.empty()) return;
    for (const Run& run : runs) {
      const std::size_t width = static_cast<std::size_t>(rows.width(run.table));
      // Whole blocks: an updater may change the neighbours of a row too.
      const std::size_t begin = static_cast<std::size_t>(run.first) * width / kGuardFloats * kGuardFloats / width;
      const std::size_t end = ((static_cast<std::size_t>(run.first) + run.count) * width + kGuardFloats - 1) / kGuardFloats * kGuardFloats;
      std::vector<std::uint64_t>& stamps = of_[run.table];
      for (std::size_t row = begin; row < std::min(stamps.size(), (end + width - 1) / width); ++row) stamps[row] = now_;
    }
  }
  /// Those of `runs` that have a later stamp.
  std::vector<Run> after(std::uint64_t stamp, std::span<const Run> runs) const {
    std::vector<Run> changed;
    for (const Run& run : runs)
      for (std::uint64_t row = run.first; row < run.first + run.count; ++row)
        if (of_[run.table][row] > stamp) append_run(changed, {run.table, 1, row});
    return changed;
  }

 private:
  std::vector<std::vector<std::uint64_t>> of_;  // table -> row
  std::uint64_t now_ = 1;
};

}  // namespace sounder::mpi
