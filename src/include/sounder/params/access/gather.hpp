// Access `gather`: gradients at parameters that nobody moves, added up elsewhere.
#pragma once

#include <sounder/modes.hpp>
#include <sounder/params/shared_cell.hpp>

namespace sounder {

/// Reads the parameters, writes to a gradient buffer of the worker's own (params/gradient.hpp), which has one state:
/// a cell holds the sum of b * x, its state the sum of a. The rule is applied later, by Gradient::apply.
struct Gather {
  static constexpr AccessKind kKind = AccessKind::gather;
  static constexpr int kStates = 1;
  using Scalar = float;
  struct NoRule {
    float rate = 0;
  } rule;

  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    return shared_cell::get<V>(cell);
  }
  template <class V>
  SOUNDER_INLINE void move(float* cell, std::size_t far, V, float a, float b, V x) const {
    shared_cell::put<V>(cell, shared_cell::get<V>(cell) + b * x);
    if (a != 0) shared_cell::put<V>(cell + far, shared_cell::get<V>(cell + far) + a);
  }
  template <class V>
  SOUNDER_INLINE void add(float* cell, V delta) const {
    shared_cell::put<V>(cell, shared_cell::get<V>(cell) + delta);
  }
};

}  // namespace sounder
