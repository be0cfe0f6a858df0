#include "touched_rows.hpp"

#include <algorithm>

namespace sounder::mpi {

TouchedRows::TouchedRows(const Kernel& kernel) : kernel_(kernel), rows_(kernel.layout.tables()) {
  for (std::uint32_t table = 0; table < kernel.layout.tables(); ++table) {
    seen_.emplace_back(kernel.list ? kernel.layout.shape(table).rows : 0);
    if (const std::size_t rows = kernel.layout.shape(table).rows; rows > 0)
      all_.push_back({.table = table, .count = static_cast<std::uint32_t>(rows), .first = 0});
  }
}

const std::vector<Run>& TouchedRows::of(const Dataset& data, std::span<const Range> ranges) {
  if (!kernel_.list) return all_;
  ++round_;
  for (auto& rows : rows_) rows.clear();
  for (const Range& range : ranges) {
    listed_.clear();
    kernel_.list(kernel_.model.get(), data.examples(), range.begin, range.end, listed_);
    for (const RowId row : listed_)
      if (std::uint32_t& seen = seen_[row.table][row.row]; seen != round_) {
        seen = round_;
        rows_[row.table].push_back(row.row);
      }
  }
  runs_.clear();
  for (std::uint32_t table = 0; table < rows_.size(); ++table) {
    auto& rows = rows_[table];
    const auto all = static_cast<std::uint32_t>(kernel_.layout.shape(table).rows);
    if (static_cast<int>(table) == kernel_.intercept_table || rows.size() > all / 2) {
      if (all > 0) runs_.push_back({.table = table, .count = all, .first = 0});
      continue;
    }
    std::ranges::sort(rows);
    for (const std::uint32_t row : rows) {
      if (!runs_.empty() && runs_.back().table == table && runs_.back().first + runs_.back().count == row)
        ++runs_.back().count;
      else
        runs_.push_back({.table = table, .count = 1, .first = row});
    }
  }
  return runs_;
}

std::size_t floats_of(const Layout& layout, std::span<const Run> runs) {
  std::size_t floats = 0;
  for (const Run& run : runs) floats += static_cast<std::size_t>(layout.shape(run.table).width) * run.count;
  return floats;
}

void gather(const Parameters& parameters, std::span<const Run> runs, std::span<float> out) {
  float* to = out.data();
  for (const Run& run : runs)
    for (std::size_t i = 0; i < run.count; ++i) {
      const std::span<const float> row = parameters.row(run.table, run.first + i);
      to = std::copy(row.begin(), row.end(), to);
    }
}

void scatter(std::span<const float> values, std::span<const Run> runs, Parameters& parameters) {
  const float* from = values.data();
  for (const Run& run : runs)
    for (std::size_t i = 0; i < run.count; ++i) {
      const std::span<float> row = parameters.row(run.table, run.first + i);
      std::copy_n(from, row.size(), row.begin());
      from += row.size();
    }
}

}  // namespace sounder::mpi
