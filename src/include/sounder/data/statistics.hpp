// What a dataset says about contention before any training (Niu et al. 2011, eq. 2.6).
#pragma once

#include <cstddef>
#include <cstdint>

#include <sounder/data/columns.hpp>

namespace sounder {

struct Statistics {
  std::size_t examples = 0, features = 0, nonzeros = 0;
  std::size_t omega = 0;  ///< most ids in one example
  double delta = 0;       ///< share of the examples that hold the hottest id
  double kappa = 0;       ///< sum of squared id frequencies: expected ids shared by two random examples
};

/// Exact, one pass. Ids of different id spaces count as different.
Statistics statistics(const Columns& columns);

/// rho: the largest share of examples that share an id with one example, over `samples` random examples
/// (each exact). A lower bound of the paper's rho, equal to it when samples >= examples; rho >= delta always.
double sampled_rho(const Columns& columns, std::size_t samples, std::uint64_t seed);

}  // namespace sounder
