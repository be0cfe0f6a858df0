#include "train/hot_lines.hpp"

#include <algorithm>
#include <utility>

#include <sounder/params/view.hpp>

namespace sounder {
namespace {

constexpr std::size_t kSample = 512;  ///< examples; they are shuffled, so the first ones are as good as any
constexpr std::size_t kTop = 5;
constexpr std::size_t kLineFloats = kCacheLine / sizeof(float);

/// In which share of the examples each line is written; every table begins on a line.
std::unordered_map<std::size_t, double> shares_of(const Kernel& kernel, const Dataset& data) {
  const Layout& layout = kernel.layout;
  const std::size_t sample = std::min(data.size(), kSample);
  LineCounts counts;
  std::vector<RowId> rows;
  std::vector<std::size_t> lines;  // of one example
  for (std::size_t i = 0; kernel.list && i < sample; ++i) {
    rows.clear();
    lines.clear();
    kernel.list(kernel.model.get(), data.examples(), i, i + 1, rows);
    for (const RowId row : rows) {
      const std::size_t begin = layout.offset(row.table) + row.row * layout.stride(row.table);
      for (std::size_t line = begin / kLineFloats; line * kLineFloats < begin + layout.stride(row.table); ++line)
        if (lines.empty() || lines.back() != line) lines.push_back(line);
    }
    if (!std::is_sorted(lines.begin(), lines.end())) std::sort(lines.begin(), lines.end());
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
    for (const std::size_t line : lines) ++counts[line];
  }
  std::unordered_map<std::size_t, double> shares;
  for (const auto& [line, count] : counts) shares[line] = static_cast<double>(count) / static_cast<double>(sample);
  if (kernel.intercept_table >= 0)  // thinned
    shares[layout.offset(static_cast<std::size_t>(kernel.intercept_table)) / kLineFloats] = 1. / View<Frozen>::kThinning;
  return shares;
}

/// The lines with the largest values.
template <class Map>
std::vector<std::size_t> top_of(const Map& values) {
  std::vector<std::pair<typename Map::mapped_type, std::size_t>> sorted;
  for (const auto& [line, value] : values) sorted.emplace_back(value, line);
  const auto before = [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; };
  const std::size_t count = std::min(kTop, sorted.size());
  std::partial_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count), sorted.end(), before);
  std::vector<std::size_t> lines;
  for (std::size_t i = 0; i < count; ++i) lines.push_back(sorted[i].second);
  return lines;
}

HotLine describe(std::size_t line, const Layout& layout, const Dataset& data) {
  HotLine hot;
  while (hot.table + 1 < layout.tables() && layout.offset(hot.table + 1) <= line * kLineFloats) ++hot.table;
  const std::size_t at = line * kLineFloats - layout.offset(hot.table), stride = layout.stride(hot.table);
  const int space = layout.shape(hot.table).space;
  if (space < 0) return hot;
  const Numbering& numbering = data.numbering(static_cast<std::uint32_t>(space));
  for (std::size_t row = at / stride; row < numbering.size() && row * stride < at + kLineFloats; ++row)
    hot.features.push_back(numbering.original(static_cast<std::uint32_t>(row)));
  return hot;
}

}  // namespace

std::vector<HotLine> hot_lines(const Kernel& kernel, const Dataset& data, const LineCounts& conflicts) {
  const auto shares = shares_of(kernel, data);
  std::vector<std::size_t> lines = top_of(shares);
  for (const std::size_t line : top_of(conflicts))
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);

  std::vector<HotLine> hottest;
  for (const std::size_t line : lines) {
    hottest.push_back(describe(line, kernel.layout, data));
    if (const auto share = shares.find(line); share != shares.end()) hottest.back().share = share->second;
    if (const auto count = conflicts.find(line); count != conflicts.end()) hottest.back().conflicts = count->second;
  }
  return hottest;
}

}  // namespace sounder
