// Access `relaxed`: the reference for the interface of an access.
#pragma once

#include <sounder/modes.hpp>
#include <sounder/params/shared_cell.hpp>

namespace sounder {

/// Relaxed load, compute, relaxed store: an update of another worker in between is lost (Niu et al. 2011).
///
/// An access offers: kKind, kStates, kLocks (do steps run under the locks of their rows?), Scalar (the type of
/// a dot product), get<V>, move<V> and add<V>, where V is a float or a strip of them.
template <class Rule>
struct Relaxed {
  static constexpr AccessKind kKind = AccessKind::relaxed;
  static constexpr int kStates = Rule::kStates;
  static constexpr bool kLocks = false;
  using Scalar = float;
  Rule rule;

  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    return shared_cell::get<V>(cell);
  }
  /// One step of the rule on a cell, where the gradient is a * w + b * x and `old` is the w that the model read.
  template <class V>
  SOUNDER_INLINE void move(float* cell, V old, float a, float b, V x) const {
    shared_cell::put<V>(cell, rule.next(old, a, b, x));
  }
  template <class V>
  SOUNDER_INLINE void add(float* cell, V delta) const {
    shared_cell::put<V>(cell, shared_cell::get<V>(cell) + delta);
  }
};

}  // namespace sounder
