// What is known of all examples of a set: on several ranks, of more than any one of them holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sounder/data/columns.hpp>
#include <sounder/data/numbering.hpp>

namespace sounder {

/// Sums over examples, from which models take default steps and start values.
struct Sums {
  double squared_lengths = 0;  ///< of the examples
  double longest = 0;          ///< the largest squared length
  double labels = 0;
  double highest_label = 0;    ///< or 0 where all are negative
  double first_values = 0;     ///< of the first entry of every example

  /// Adds those of the next examples. Rounds: the order of the calls matters.
  void add(const Sums& next);
};

/// Over examples [begin, end), one after the other: the same bits for any number of threads.
Sums sums_of(const Columns& columns, std::size_t begin, std::size_t end);

struct Census {
  std::uint64_t examples = 0, nonzeros = 0;
  bool dense = false;                                   ///< examples have no ids
  std::vector<Numbering> numberings;                    ///< one an id space
  std::vector<std::vector<std::uint32_t>> frequencies;  ///< by row: in how many examples its id is
  std::vector<std::vector<float>> rarities;             ///< by row: examples / frequency, or 0
  Sums sums;
};

/// The ids that one id space of `columns` holds. Nothing of dense examples, which hold them all.
IdCounts count_ids(const Columns& columns, std::uint32_t space);

/// A census without sums: rows are numbered by the counts of all examples. `columns` are any of them, for width and name;
/// `extra[s]`: ids of space s that need a row anyway. Throws Error if nothing can be learned from such a set.
Census census_of(std::uint64_t examples, std::uint64_t nonzeros, const std::vector<IdCounts>& by_space,
                 const Columns& columns, const std::vector<std::vector<std::uint32_t>>& extra);

}  // namespace sounder
