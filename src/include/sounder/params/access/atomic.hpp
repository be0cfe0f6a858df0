// Access `atomic`: no update is lost.
#pragma once

#include <sounder/modes.hpp>
#include <sounder/params/shared_cell.hpp>

namespace sounder {

/// Relaxed load, atomic add of the change: each cell ends at the exact sum of all changes (up to rounding), but
/// a change may have been computed from a stale read. The paper's Hogwild! assumes this form.
template <class Rule>
struct Atomic {
  static constexpr AccessKind kKind = AccessKind::atomic;
  static constexpr int kStates = Rule::kStates;
  static constexpr bool kLocks = false;
  using Scalar = float;
  Rule rule;

  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    return shared_cell::get<V>(cell);
  }
  template <class V>
  SOUNDER_INLINE void move(float* cell, V old, float a, float b, V x) const {
    shared_cell::atomic_add<V>(cell, rule.delta(old, a, b, x));
  }
  template <class V>
  SOUNDER_INLINE void add(float* cell, V delta) const {
    shared_cell::atomic_add<V>(cell, delta);
  }
};

}  // namespace sounder
