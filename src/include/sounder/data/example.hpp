// One training example, as a model sees it.
#pragma once

#include <cstdint>

namespace sounder {

/// A borrowed view of one example: `size` pairs of an id and a value, and the label.
struct Example {
  const std::uint32_t* ids;  ///< ascending; null: 0, 1, ..., size - 1 (a dense example)
  const float* values;       ///< null: every value is 1
  std::uint32_t size;        ///< number of nonzeros
  float label;               ///< -1 or +1, the index of a class, a number or a rating: see Format
};

}  // namespace sounder
