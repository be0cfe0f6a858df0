// Access `relaxed`: the reference for the interface of an access.
#pragma once

#include <sounder/modes.hpp>
#include <sounder/params/shared_cell.hpp>

namespace sounder {

/// Relaxed load, compute, relaxed store: an update of another worker in between is lost (Niu et al. 2011).
///
/// An access offers: kKind, kStates (beside each cell that it writes), Scalar (the type of a dot product), get<V>,
/// move<V> and add<V>, where V is a float or a strip of them, and state k of a cell lies (k + 1) * far floats behind it.
template <class Rule_>
struct Relaxed {
  using Rule = Rule_;
  static constexpr AccessKind kKind = AccessKind::relaxed;
  static constexpr int kStates = Rule::kStates;
  using Scalar = float;
  Rule rule;

  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    return shared_cell::get<V>(cell);
  }
  /// One step of the rule on a cell, where the gradient is a * w + b * x and `old` is the w that the model read.
  template <class V>
  SOUNDER_INLINE void move(float* cell, std::size_t far, V old, float a, float b, V x) const {
    if constexpr (kStates == 0) {
      shared_cell::put<V>(cell, rule.next(old, a, b, x));
    } else {
      V state[kStates];
      SOUNDER_UNROLL for (int k = 0; k < kStates; ++k) state[k] = shared_cell::get<V>(cell + static_cast<std::size_t>(k + 1) * far);
      const V next = rule.next(state, old, a, b, x);
      SOUNDER_UNROLL for (int k = 0; k < kStates; ++k) shared_cell::put<V>(cell + static_cast<std::size_t>(k + 1) * far, state[k]);
      shared_cell::put<V>(cell, next);
    }
  }
  template <class V>
  SOUNDER_INLINE void add(float* cell, V delta) const {
    shared_cell::put<V>(cell, shared_cell::get<V>(cell) + delta);
  }
};

}  // namespace sounder
