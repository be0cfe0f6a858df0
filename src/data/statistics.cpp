// Omega, Delta, kappa and the Zipf exponent of a set, seen as a hypergraph: ids are vertices, examples are edges.
#include <sounder/data/statistics.hpp>

#include <algorithm>
#include <cmath>
#include <span>

#include <sounder/data/numbering.hpp>

#include "arrange.hpp"

namespace sounder {
namespace {

constexpr std::size_t kHead = 1000, kHottest = 10;
constexpr std::uint32_t kLeastFrequency = 10;

/// Minus the slope of log(frequency) over log(rank), which starts at 1.
double zipf_exponent(std::span<const Hot> head) {
  const auto count = static_cast<double>(head.size());
  double x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t k = 0; k < head.size(); ++k) {
    const double rank = std::log(static_cast<double>(k + 1)),
                 frequency = std::log(static_cast<double>(head[k].frequency));
    x += rank;
    y += frequency;
    xx += rank * rank;
    xy += rank * frequency;
  }
  return head.size() < 2 ? 0 : -(count * xy - x * y) / (count * xx - x * x);
}

bool hotter(const Hot& a, const Hot& b) {
  return a.frequency != b.frequency ? a.frequency > b.frequency : a.space != b.space ? a.space < b.space : a.id < b.id;
}

void set_head(Statistics& result, std::vector<Hot> head) {
  std::sort(head.begin(), head.end(), hotter);
  const auto often =
      std::find_if(head.begin(), head.end(), [](const Hot& id) { return id.frequency < kLeastFrequency; });
  result.zipf = zipf_exponent({head.data(), std::min(kHead, static_cast<std::size_t>(often - head.begin()))});
  head.resize(std::min(head.size(), kHottest));
  result.hottest = std::move(head);
}

}  // namespace

Statistics statistics(const Columns& columns) {
  Statistics result;
  result.examples = columns.examples();
  result.nonzeros = columns.nonzeros();
  if (columns.examples() == 0) return result;
  result.omega = columns.width;
  for (std::size_t i = 1; i < columns.offsets.size(); ++i)
    result.omega = std::max<std::size_t>(result.omega, columns.offsets[i] - columns.offsets[i - 1]);
  const auto examples = static_cast<double>(columns.examples());
  result.mean_nonzeros = static_cast<double>(result.nonzeros) / examples;
  std::vector<Hot> head;
  for (std::uint32_t space = 0; space < columns.spaces; ++space) {
    const bool dense = columns.ids.empty();
    std::vector<std::uint32_t> frequencies;
    const auto numbering = dense
                               ? Numbering::identity(columns.width)
                               : Numbering::by_frequency(
                                     columns.spaces > 1 ? ids_of_space(columns, space) : columns.ids, {}, &frequencies);
    if (dense) frequencies.assign(columns.width, static_cast<std::uint32_t>(columns.examples()));
    result.features += numbering.size();
    for (const std::uint32_t frequency : frequencies) {
      const double share = frequency / examples;
      result.delta = std::max(result.delta, share);
      result.kappa += share * share;
    }
    for (std::uint32_t row = 0; row < std::min<std::size_t>(numbering.size(), kHead); ++row)
      head.push_back({space, numbering.original(row), frequencies[row]});
  }
  set_head(result, std::move(head));
  return result;
}

}  // namespace sounder
