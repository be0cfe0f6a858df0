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

std::uint64_t begin_of(const Columns& columns, std::size_t i) {
  return columns.offsets.empty() ? i * columns.width : columns.offsets[i];
}

/// Writes one example with its rows ascending. `scratch` only saves allocations.
void write_ascending(std::span<const std::uint32_t> ids, const float* values, const Numbering& numbering,
                     std::uint32_t* rows_out, float* values_out, std::vector<std::uint64_t>& scratch) {
  if (!values) {
    for (std::size_t k = 0; k < ids.size(); ++k) rows_out[k] = numbering.row_of(ids[k]);
    std::sort(rows_out, rows_out + ids.size());
    return;
  }
  scratch.resize(ids.size());
  for (std::size_t k = 0; k < ids.size(); ++k)
    scratch[k] = std::uint64_t{numbering.row_of(ids[k])} << 32 | std::bit_cast<std::uint32_t>(values[k]);
  std::sort(scratch.begin(), scratch.end());
  for (std::size_t k = 0; k < ids.size(); ++k) {
    rows_out[k] = static_cast<std::uint32_t>(scratch[k] >> 32);
    values_out[k] = std::bit_cast<float>(static_cast<std::uint32_t>(scratch[k]));
  }
}

/// Allocates the arrays that `like` has; zeroing new memory costs as much as writing it, so it is done at once.
void allocate(Columns& columns, const Columns& like) {
  parallel_invoke([&] { columns.ids.resize(like.ids.size()); }, [&] { columns.values.resize(like.values.size()); },
                  [&] { columns.offsets.resize(like.offsets.size()); },
                  [&] { columns.labels.resize(like.labels.size()); });
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
  allocate(result, columns);
  const auto source = [&](std::size_t i) { return order.empty() ? i : order[i]; };
  if (!columns.offsets.empty())
    for (std::size_t i = 0; i < columns.examples(); ++i)
      result.offsets[i + 1] = result.offsets[i] + columns.offsets[source(i) + 1] - columns.offsets[source(i)];

  const bool valued = !columns.values.empty();
  parallel_ranges(columns.examples(), kGrain, [&](std::size_t first, std::size_t last) {
    std::vector<std::uint64_t> scratch;
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t from = source(i), begin = begin_of(columns, from), out = begin_of(result, i);
      const std::size_t size = begin_of(columns, from + 1) - begin;
      result.labels[i] = columns.labels[from];
      if (columns.ids.empty()) {
        if (valued) std::copy_n(columns.values.data() + begin, size, result.values.data() + out);
      } else if (columns.spaces > 1) {
        for (std::size_t space = 0; space < size; ++space)
          result.ids[out + space] =
              std::min(numberings[space].row_of(columns.ids[begin + space]), numberings[space].size());
      } else {
        write_ascending({columns.ids.data() + begin, size}, valued ? columns.values.data() + begin : nullptr,
                        numberings[0], result.ids.data() + out, valued ? result.values.data() + out : nullptr, scratch);
      }
    }
  });
  return result;
}

}  // namespace sounder
