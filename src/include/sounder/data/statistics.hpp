// What a dataset says about contention before any training (Niu et al. 2011, eq. 2.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sounder/data/columns.hpp>

namespace sounder {

/// An id of the input, and in how many examples it is.
struct Hot {
  std::uint32_t space, id, frequency;
};

/// Ids of different id spaces (users and items) count as different; a dense example holds every id.
struct Statistics {
  std::size_t examples = 0, features = 0, nonzeros = 0;
  std::size_t omega = 0;       ///< most ids in one example
  double mean_nonzeros = 0;    ///< ids in the mean example
  double delta = 0;            ///< share of the examples that hold the hottest id
  double kappa = 0;            ///< sum of squared id frequencies: expected ids shared by two random examples
  double zipf = 0;             ///< exponent s of frequency ~ rank^-s, by least squares of the logarithms over the head
  std::vector<Hot> hottest{};  ///< the head's first 10, by descending frequency, then by space and id
};

/// Exact, one pass. The head are the 1,000 hottest ids, as far as they are in 10 examples or more: colder ones are few
/// by chance. `zipf` is 0 where it has less than two ids.
Statistics statistics(const Columns& columns);

/// How many of all examples share an id with one example, itself included.
struct Conflicts {
  double rho = 0;   ///< the largest share; exact if all were looked at, else at most the true one; >= delta always
  double mean = 0;  ///< the mean share; the chance that two random examples conflict
  std::size_t sampled = 0;  ///< examples looked at; all of them, or random ones drawn from the seed
};

/// Looks at every example if that takes at most `work` steps (the sum over ids of frequency squared), else at as many
/// as that allows, but at least one; and for rho also at one that holds the hottest id. The default is below a second.
///
/// In the paper's table the RCV1 row has rho 0.44 and Delta 1.0. By its own definitions rho >= Delta: they are swapped.
Conflicts conflicts(const Columns& columns, std::uint64_t seed = 1, std::size_t work = std::size_t{1} << 27);

}  // namespace sounder
