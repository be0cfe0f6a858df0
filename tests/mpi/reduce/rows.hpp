// Random rows for the tests of reducers.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <sounder/data/random.hpp>

#include "reduce/row_sums.hpp"

namespace sounder::test {

/// Three tables, 1, 16 and 32 floats wide, 40 + 17 + 5 rows.
inline Layout small_layout() { return Layout{{.rows = 40, .width = 1}, {.rows = 17, .width = 16}, {.rows = 5, .width = 32}}; }

inline std::size_t width_of(const mpi::RowNumbers& numbers, std::uint32_t number) {
  std::size_t table = 0;
  while (number >= numbers.end(table)) ++table;
  return numbers.width(table);
}

/// About `share` of the rows, with numbers whose sums depend on the order in the last bits.
inline mpi::RowSums random_rows(const mpi::RowNumbers& numbers, std::uint64_t seed, double share, bool decays) {
  Random random(seed, 77);
  mpi::RowSums rows;
  for (std::uint32_t number = 0; number < numbers.rows(); ++number) {
    if (random.uniform() >= share) continue;
    rows.numbers.push_back(number);
    for (std::size_t i = 0; i < width_of(numbers, number); ++i) rows.sums.push_back(static_cast<float>(random.normal()));
    if (decays) rows.decays.push_back(static_cast<float>(random.uniform()));
  }
  mpi::settle(rows);
  return rows;
}

}  // namespace sounder::test
