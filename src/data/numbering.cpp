// Counting ids and numbering them by frequency.
#include <sounder/data/numbering.hpp>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "parallel.hpp"

namespace sounder {
namespace {

constexpr std::size_t kAlwaysDense = std::size_t{1} << 20;  // ids for which an array is never too large

/// Whether an array with a slot for every id up to `greatest` is in proportion to `count` entries that use it.
bool dense_pays(std::uint32_t greatest, std::size_t count) { return greatest < std::max(kAlwaysDense, 8 * count); }

void add(IdCounts& counts, std::uint32_t id, std::size_t count) {
  counts.ids.push_back(id);
  counts.counts.push_back(static_cast<std::uint32_t>(count));
}

/// The indices of `counts` by descending count: a counting sort, stable, so that ties stay ascending.
std::vector<std::uint32_t> by_descending_count(const std::vector<std::uint32_t>& counts) {
  std::vector<std::uint32_t> order(counts.size());
  if (counts.empty()) return order;
  const std::size_t most = *std::max_element(counts.begin(), counts.end());
  std::vector<std::uint32_t> next(most + 2);  // next[most - count]: where the next id of that count goes
  for (const std::uint32_t n : counts) ++next[most - n + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  for (std::uint32_t i = 0; i < counts.size(); ++i) order[next[most - counts[i]]++] = i;
  return order;
}

}  // namespace

IdCounts count_ids(std::span<const std::uint32_t> ids) {
  IdCounts result;
  if (ids.empty()) return result;
  const std::uint32_t greatest = *std::max_element(ids.begin(), ids.end());
  if (dense_pays(greatest, ids.size())) {
    std::vector<std::uint32_t> counts(std::size_t{greatest} + 1);
    for (const std::uint32_t id : ids) ++counts[id];
    for (std::size_t id = 0; id < counts.size(); ++id)
      if (counts[id] > 0) add(result, static_cast<std::uint32_t>(id), counts[id]);
    return result;
  }
  std::vector<std::uint32_t> sorted(ids.begin(), ids.end());
  parallel_sort(sorted.begin(), sorted.end());
  for (auto run = sorted.begin(); run != sorted.end();) {
    const auto next = std::upper_bound(run, sorted.end(), *run);
    add(result, *run, static_cast<std::size_t>(next - run));
    run = next;
  }
  return result;
}

Numbering Numbering::by_frequency(std::span<const std::uint32_t> ids, std::span<const std::uint32_t> extra,
                                  std::vector<std::uint32_t>* frequencies) {
  return by_counts(count_ids(ids), extra, frequencies);
}

Numbering Numbering::by_counts(const IdCounts& counts, std::span<const std::uint32_t> extra,
                               std::vector<std::uint32_t>* frequencies) {
  const std::vector<std::uint32_t> order = by_descending_count(counts.counts);
  Numbering result;
  result.originals_.reserve(order.size());
  for (const std::uint32_t i : order) result.originals_.push_back(counts.ids[i]);

  std::vector<std::uint32_t> wanted(extra.begin(), extra.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  std::set_difference(wanted.begin(), wanted.end(), counts.ids.begin(), counts.ids.end(),
                      std::back_inserter(result.originals_));
  if (frequencies) {
    frequencies->assign(result.originals_.size(), 0);
    for (std::size_t row = 0; row < order.size(); ++row) (*frequencies)[row] = counts.counts[order[row]];
  }
  result.index();
  return result;
}

Numbering Numbering::identity(std::uint32_t size) {
  Numbering result;
  result.originals_.resize(size);
  std::iota(result.originals_.begin(), result.originals_.end(), 0u);
  result.rows_ = result.originals_;
  return result;
}

void Numbering::index() {
  if (originals_.empty()) return;
  const std::uint32_t greatest = *std::max_element(originals_.begin(), originals_.end());
  if (dense_pays(greatest, originals_.size())) {
    rows_.assign(std::size_t{greatest} + 1, kAbsent);
    for (std::uint32_t row = 0; row < size(); ++row) rows_[originals_[row]] = row;
    return;
  }
  sorted_.reserve(originals_.size());
  for (std::uint32_t row = 0; row < size(); ++row) sorted_.emplace_back(originals_[row], row);
  parallel_sort(sorted_.begin(), sorted_.end());
}

std::uint32_t Numbering::row_of(std::uint32_t original) const {
  if (sorted_.empty()) return original < rows_.size() ? rows_[original] : kAbsent;
  const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), std::pair(original, std::uint32_t{0}));
  return found != sorted_.end() && found->first == original ? found->second : kAbsent;
}

std::vector<std::uint32_t> Numbering::in_original_order() const {
  std::vector<std::uint32_t> result;
  result.reserve(originals_.size());
  for (const std::uint32_t row : rows_)
    if (row != kAbsent) result.push_back(row);
  for (const auto& entry : sorted_) result.push_back(entry.second);
  return result;
}

}  // namespace sounder
