// Which server a row lies with, and where there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sounder/mpi/updater.hpp>

namespace sounder::mpi {

/// Blocks of max(1, 256 / width) rows are dealt to the servers in turn: a dense range loads all of them alike, and rows that are next
/// to each other mostly stay so (of width 1: in whole blocks of the guarded sum). A server numbers the rows of a table that it
/// holds 0, 1, ...: a dense range of the table is one range on every server. One server: local numbers are the rows' own.
class ShardMap {
 public:
  ShardMap(std::vector<KvTable> tables, int servers) : tables_(std::move(tables)), servers_(static_cast<std::uint64_t>(servers)) {
    for (KvTable& table : tables_) {
      if (table.push_width == 0) table.push_width = table.width;
      block_rows_.push_back(std::max<std::uint64_t>(1, 256 / static_cast<std::uint64_t>(table.width)));
    }
  }

  int servers() const { return static_cast<int>(servers_); }
  const std::vector<KvTable>& tables() const { return tables_; }

  int owner(std::size_t table, std::uint64_t row) const { return static_cast<int>(row / block_rows_[table] % servers_); }
  std::uint64_t local(std::size_t table, std::uint64_t row) const {
    const std::uint64_t block = block_rows_[table];
    return row / block / servers_ * block + row % block;
  }
  std::uint64_t whole(std::size_t table, int server, std::uint64_t local) const {
    const std::uint64_t block = block_rows_[table];
    return (local / block * servers_ + static_cast<std::uint64_t>(server)) * block + local % block;
  }
  /// How many rows of a table a server holds.
  std::uint64_t rows(std::size_t table, int server) const {
    const std::uint64_t block = block_rows_[table], all = tables_[table].rows, mine = static_cast<std::uint64_t>(server) * block;
    const std::uint64_t turn = block * servers_, rest = all % turn;
    return all / turn * block + std::clamp<std::uint64_t>(rest, mine, mine + block) - mine;
  }

  /// Cuts runs where the server changes: f(server, piece) with the piece's local rows, in the order of the runs' rows.
  template <class F>
  void cut(std::span<const Run> runs, F f) const {
    for (const Run& run : runs) {
      if (servers_ == 1) {
        if (run.count) f(0, run);
        continue;
      }
      const std::uint64_t block = block_rows_[run.table], end = run.first + run.count;
      for (std::uint64_t row = run.first; row < end;) {
        const std::uint64_t stop = std::min(end, (row / block + 1) * block);
        f(owner(run.table, row), Run{run.table, static_cast<std::uint32_t>(stop - row), local(run.table, row)});
        row = stop;
      }
    }
  }

  /// All rows, in packed order: table after table. On one server (local rows), or of the whole store.
  std::vector<Run> everything(int server) const {
    return everything([&](std::size_t table) { return rows(table, server); });
  }
  std::vector<Run> everything() const {
    return everything([&](std::size_t table) { return tables_[table].rows; });
  }

  /// Floats of the rows of runs, each row `width` or `push_width` of its table.
  std::size_t floats(std::span<const Run> runs, int KvTable::*width) const {
    std::size_t sum = 0;
    for (const Run& run : runs) sum += std::size_t{run.count} * static_cast<std::size_t>(tables_[run.table].*width);
    return sum;
  }

 private:
  template <class Rows>
  std::vector<Run> everything(Rows rows) const {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 31;
    std::vector<Run> runs;
    for (std::size_t table = 0; table < tables_.size(); ++table)
      for (std::uint64_t first = 0, all = rows(table); first < all; first += kMost)
        runs.push_back({static_cast<std::uint32_t>(table), static_cast<std::uint32_t>(std::min(kMost, all - first)), first});
    return runs;
  }

  std::vector<KvTable> tables_;
  std::vector<std::uint64_t> block_rows_;
  std::uint64_t servers_;
};

/// Appends a run, or lengthens the last one if it goes on where that ends.
inline void append_run(std::vector<Run>& runs, const Run& next) {
  constexpr std::uint32_t kMost = std::uint32_t{1} << 31;
  if (!runs.empty()) {
    Run& last = runs.back();
    if (last.table == next.table && last.first + last.count == next.first && last.count < kMost && next.count <= kMost - last.count) {
      last.count += next.count;
      return;
    }
  }
  runs.push_back(next);
}

}  // namespace sounder::mpi
