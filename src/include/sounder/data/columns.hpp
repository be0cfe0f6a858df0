// Examples as a reader or a generator leaves them: in input order, with the ids of the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sounder {

/// The arrays of a set of examples (compressed sparse rows with three savings).
///
/// `offsets` may be empty: every example has `width` entries. `ids` may be empty: the examples are
/// dense. `values` may be empty: all are 1. Ratings are examples of `spaces == 2` ids, where entry 0
/// of an example counts in one id space (users) and entry 1 in another (items).
struct Columns {
  std::string name;                    ///< what to call the set in records and messages
  std::vector<std::uint64_t> offsets;  ///< examples + 1 entries, or empty
  std::vector<std::uint32_t> ids;      ///< one a nonzero, or empty
  std::vector<float> values;           ///< one a nonzero, or empty
  std::vector<float> labels;           ///< one an example
  std::vector<float> classes;          ///< labels of the input, ascending, which `labels` are indices of; or empty
  std::uint32_t width = 0;             ///< entries of every example, where `offsets` is empty
  std::uint32_t spaces = 1;            ///< number of id spaces: 1, or 2 for ratings

  std::size_t examples() const { return labels.size(); }
  std::size_t nonzeros() const {
    return offsets.empty() ? examples() * width : static_cast<std::size_t>(offsets.back());
  }
};

}  // namespace sounder
