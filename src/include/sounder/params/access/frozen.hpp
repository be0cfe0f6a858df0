// Access `frozen`: evaluation. Reads only, and sums in double precision.
#pragma once

#include <sounder/params/shared_cell.hpp>

namespace sounder {

struct Frozen {
  static constexpr int kStates = 0;
  using Scalar = double;

  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    return shared_cell::get<V>(cell);
  }
};

}  // namespace sounder
