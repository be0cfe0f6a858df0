#include "gradients/gradient_rows.hpp"

#include <algorithm>
#include <array>

#include <sounder/params/touches.hpp>
#include <sounder/params/view.hpp>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

constexpr std::size_t kBlock = 256;  ///< rows that are listed and then stepped on

/// f(number, floats before) for the rows [begin, end) of `rows`, in order.
template <class F>
void each_row(const RowView& rows, const RowNumbers& numbers, std::size_t begin, std::size_t end, F f) {
  std::size_t floats = begin < end ? rows.sums.size() - part(rows, rows.number(begin), numbers.rows(), numbers).sums.size() : 0;
  for (std::size_t i = begin, table = 0; i < end; ++i) {
    const std::uint32_t number = rows.number(i);
    while (number >= numbers.end(table)) ++table;
    f(RowId{static_cast<std::uint32_t>(table), number - numbers.begin(table)}, i, floats);
    floats += numbers.width(table);
  }
}

}  // namespace

RowSums take_rows(Gradient& gradient, const RowNumbers& numbers) {
  std::vector<RowId> ids(gradient.rows().begin(), gradient.rows().end());
  const auto number_of = [&](const RowId& row) { return numbers.of(row); };
  if (!std::ranges::is_sorted(ids, {}, number_of)) std::ranges::sort(ids, {}, number_of);
  RowSums rows;
  rows.numbers.reserve(ids.size());
  rows.decays.reserve(ids.size());
  bool decays = false;
  for (const RowId id : ids) {
    const std::span<const float> sums = gradient.sums(id);
    const std::size_t width = numbers.width(id.table);
    rows.numbers.push_back(numbers.of(id));
    rows.sums.insert(rows.sums.end(), sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(width));
    rows.decays.push_back(sums[width]);  // the same in all cells of a row
    decays |= sums[width] != 0;
  }
  if (!decays) rows.decays.clear();
  settle(rows);
  gradient.clear();
  return rows;
}

RowSums rows_of(const Gathered& gathered, const RowNumbers& numbers) {
  RowSums rows;
  bool decays = false;
  for (std::size_t table = 0; table < numbers.tables(); ++table) {
    const std::size_t width = numbers.width(table);
    for (std::uint32_t row = 0; row < numbers.end(table) - numbers.begin(table); ++row) {
      const float* const sums = gathered.sums.read[table] + row * width;
      const float decay = gathered.decays.read[table][row * width];
      if (decay == 0 && std::all_of(sums, sums + width, [](float sum) { return sum == 0; })) continue;
      rows.numbers.push_back(numbers.begin(table) + row);
      rows.sums.insert(rows.sums.end(), sums, sums + width);
      rows.decays.push_back(decay);
      decays |= decay != 0;
    }
  }
  if (!decays) rows.decays.clear();
  settle(rows);
  return rows;
}

void step_on(const RowView& rows, const RowNumbers& numbers, const Kernel& kernel, const StepContext& context,
             const std::vector<std::vector<float>>& scale, Team& team) {
  const auto workers = static_cast<std::size_t>(team.size());
  team.run([&](int worker) {
    const auto me = static_cast<std::size_t>(worker);
    std::array<RowGradient, kBlock> block;
    std::size_t filled = 0;
    each_row(rows, numbers, rows.count * me / workers, rows.count * (me + 1) / workers, [&](RowId id, std::size_t i, std::size_t floats) {
      block[filled++] = {.row = id,
                         .sum = rows.sums.data() + floats,
                         .decay = rows.decays.empty() ? 0.f : rows.decays[i],
                         .scale = scale[id.table][id.row]};
      if (filled < kBlock) return;
      step_rows(kernel, context, block);
      filled = 0;
    });
    step_rows(kernel, context, std::span(block).first(filled));
  });
}

std::vector<std::vector<double>> census(Endpoint& endpoint, const Kernel& kernel, const Dataset& data, const Range& own,
                                        std::uint64_t all_examples) {
  const double all = static_cast<double>(std::max<std::uint64_t>(1, all_examples));
  std::vector<std::vector<double>> shares;
  std::vector<std::vector<std::uint32_t>> counts;
  for (std::size_t table = 0; table < kernel.layout.tables(); ++table) {
    const TableShape& shape = kernel.layout.shape(table);
    std::vector<double>& of_rows = shares.emplace_back(shape.rows);
    if (static_cast<int>(table) == kernel.intercept_table) {
      of_rows[0] = 1. / View<Frozen>::kThinning;
    } else if (shape.space >= 0) {
      const auto frequencies = data.frequencies(static_cast<std::uint32_t>(shape.space));
      for (std::size_t row = 0; row < std::min(shape.rows, frequencies.size()); ++row) of_rows[row] = frequencies[row] / all;
    } else {
      if (counts.empty()) counts = touch_counts(kernel, data, own.begin, own.end);
      const std::vector<std::uint64_t> counted(counts[table].begin(), counts[table].end());
      const std::vector<std::uint64_t> sums = all_sum<std::uint64_t>(endpoint, counted);
      for (std::size_t row = 0; row < shape.rows; ++row) of_rows[row] = static_cast<double>(sums[row]) / all;
    }
  }
  return shares;
}

}  // namespace sounder::mpi
