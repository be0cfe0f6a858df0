// Transforms, in parallel over nonzeros or examples.
#include "transform.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "parallel.hpp"

namespace sounder {
namespace {

constexpr std::size_t kGrain = 4096;

float log1p_of(float value) { return static_cast<float>(std::log1p(static_cast<double>(value))); }

void write_out_ones(Columns& columns) {
  if (columns.values.empty()) columns.values.assign(columns.nonzeros(), 1.f);
}

}  // namespace

float first_without_log1p(const Columns& columns) {
  const auto& values = columns.values;
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return value <= -1; });
  return bad == values.end() ? 0 : *bad;
}

void log1p_values(Columns& columns) {
  write_out_ones(columns);
  auto& values = columns.values;
  std::array<float, 256> small;  // most values are counts
  for (std::size_t i = 0; i < small.size(); ++i) small[i] = log1p_of(static_cast<float>(i));
  parallel_ranges(values.size(), kGrain, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const bool tabled = values[i] >= 0 && values[i] < 256 && values[i] == std::floor(values[i]);
      values[i] = tabled ? small[static_cast<std::size_t>(values[i])] : log1p_of(values[i]);
    }
  });
}

void scale_to_length_one(Columns& columns) {
  write_out_ones(columns);
  parallel_ranges(columns.examples(), kGrain / 64, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t begin = columns.offsets.empty() ? i * columns.width : columns.offsets[i];
      const std::size_t end = columns.offsets.empty() ? begin + columns.width : columns.offsets[i + 1];
      double squares = 0;
      for (std::size_t k = begin; k < end; ++k)
        squares += static_cast<double>(columns.values[k]) * static_cast<double>(columns.values[k]);
      if (squares == 0) continue;
      const double length = std::sqrt(squares);
      for (std::size_t k = begin; k < end; ++k)
        columns.values[k] = static_cast<float>(static_cast<double>(columns.values[k]) / length);
    }
  });
}

}  // namespace sounder
