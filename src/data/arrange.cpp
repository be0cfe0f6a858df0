// Renumbering and reordering at memory speed, in parallel over examples.
#include "arrange.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "parallel.hpp"

namespace sounder {
namespace {

constexpr std::size_t kGrain = 256;  // examples a task

struct Entry {
  std::uint32_t row, example;
  float value;
};

/// Puts the rows of each example in ascending order. Many examples at once: a radix sort by row of all their entries,
/// whose stable result is then dealt out to the examples, takes a few nanoseconds an entry, whatever their number.
class RowSorter {
 public:
  explicit RowSorter(std::uint32_t rows)
      : bits_(static_cast<int>(std::bit_width(rows))),
        digit_((bits_ + passes() - 1) / passes()),
        starts_((std::size_t{1} << digit_) + 1) {}

  std::size_t size() const { return entries_.size(); }
  void add(const Entry& entry) { entries_.push_back(entry); }

  /// Hands over every entry, for each example by ascending row, and forgets them.
  template <class Deal>
  void deal(const Deal& deal) {
    sorted_.resize(entries_.size());
    for (int shift = 0; shift < bits_; shift += digit_) pass(shift);
    for (const Entry& entry : entries_) deal(entry);
    entries_.clear();
  }

 private:
  int passes() const { return std::max(1, (bits_ + 10) / 11); }  // 2^11 counters fit the fastest cache

  void pass(int shift) {
    const std::uint32_t mask = (1u << digit_) - 1;
    std::fill(starts_.begin(), starts_.end(), 0u);
    for (const Entry& entry : entries_) ++starts_[(entry.row >> shift & mask) + 1];
    std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
    for (const Entry& entry : entries_) sorted_[starts_[entry.row >> shift & mask]++] = entry;
    entries_.swap(sorted_);
  }

  int bits_, digit_;
  std::vector<Entry> entries_, sorted_;
  std::vector<std::uint32_t> starts_;
};

/// Allocates the arrays that `like` has; zeroing new memory costs as much as writing it, so it is done at once.
void allocate(Columns& columns, const Columns& like) {
  parallel_invoke([&] { columns.ids.resize(like.ids.size()); }, [&] { columns.values.resize(like.values.size()); },
                  [&] { columns.offsets.resize(like.offsets.size()); },
                  [&] { columns.labels.resize(like.labels.size()); });
}

/// Where example i of the result stands in the input.
std::size_t source(std::span<const std::uint32_t> order, std::size_t i) { return order.empty() ? i : order[i]; }

void copy_dense(const Columns& columns, std::span<const std::uint32_t> order, Columns& result) {
  parallel_ranges(columns.examples(), kGrain, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t from = source(order, i), width = columns.width;
      if (!columns.values.empty())
        std::copy_n(columns.values.data() + from * width, width, result.values.data() + i * width);
      result.labels[i] = columns.labels[from];
    }
  });
}

void renumber_spaces(const Columns& columns, std::span<const Numbering> numberings,
                     std::span<const std::uint32_t> order, Columns& result) {
  const std::size_t width = columns.spaces;
  parallel_ranges(columns.examples(), 16 * kGrain, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t from = source(order, i);
      for (std::size_t space = 0; space < width; ++space)
        result.ids[i * width + space] =
            std::min(numberings[space].row_of(columns.ids[from * width + space]), numberings[space].size());
      result.labels[i] = columns.labels[from];
    }
  });
}

void renumber_sorted(const Columns& columns, const Numbering& numbering, std::span<const std::uint32_t> order,
                     Columns& result) {
  constexpr std::size_t kEntries = std::size_t{1} << 12;  // sorted at once: as many as the second cache holds
  const bool valued = !columns.values.empty();
  parallel_ranges(columns.examples(), kGrain, [&](std::size_t first, std::size_t last) {
    RowSorter sorter(numbering.size());
    std::vector<std::uint64_t> next;  // where the next entry of each example goes
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t from = source(order, i), end = begin_of(columns, from + 1);
      for (std::size_t k = begin_of(columns, from); k < end; ++k)
        sorter.add({numbering.row_of(columns.ids[k]), static_cast<std::uint32_t>(next.size()),
                    valued ? columns.values[k] : 1.f});
      next.push_back(begin_of(result, i));
      result.labels[i] = columns.labels[from];
      if (sorter.size() < kEntries && i + 1 < last) continue;
      sorter.deal([&](const Entry& entry) {
        const std::uint64_t at = next[entry.example]++;
        result.ids[at] = entry.row;
        if (valued) result.values[at] = entry.value;
      });
      next.clear();
    }
  });
}

}  // namespace

std::vector<std::uint32_t> ids_of_space(const Columns& columns, std::uint32_t space) {
  std::vector<std::uint32_t> ids(columns.examples());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = columns.ids[i * columns.spaces + space];
  return ids;
}

void drop_unknown(Columns& columns, const Numbering& numbering) {
  const auto unknown = [&](std::uint32_t id) { return numbering.row_of(id) == Numbering::kAbsent; };
  if (std::none_of(columns.ids.begin(), columns.ids.end(), unknown)) return;
  std::vector<std::uint64_t> offsets{0};
  offsets.reserve(columns.examples() + 1);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < columns.examples(); ++i) {
    for (std::uint64_t k = begin_of(columns, i); k < begin_of(columns, i + 1); ++k) {
      if (unknown(columns.ids[k])) continue;
      columns.ids[kept] = columns.ids[k];
      if (!columns.values.empty()) columns.values[kept] = columns.values[k];
      ++kept;
    }
    offsets.push_back(kept);
  }
  columns.ids.resize(kept);
  if (!columns.values.empty()) columns.values.resize(kept);
  columns.offsets = std::move(offsets);
  columns.width = 0;
}

Columns arrange(const Columns& columns, std::span<const Numbering> numberings, std::span<const std::uint32_t> order) {
  Columns result;
  result.name = columns.name;
  result.width = columns.width;
  result.spaces = columns.spaces;
  result.classes = columns.classes;
  allocate(result, columns);
  if (!columns.offsets.empty())
    for (std::size_t i = 0; i < columns.examples(); ++i)
      result.offsets[i + 1] =
          result.offsets[i] + columns.offsets[source(order, i) + 1] - columns.offsets[source(order, i)];

  if (columns.ids.empty())
    copy_dense(columns, order, result);
  else if (columns.spaces > 1)
    renumber_spaces(columns, numberings, order, result);
  else
    renumber_sorted(columns, numberings[0], order, result);
  return result;
}

}  // namespace sounder
