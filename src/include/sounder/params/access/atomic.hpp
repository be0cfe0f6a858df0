// Access `atomic`: no update is lost.
#pragma once

#include <sounder/modes.hpp>
#include <sounder/params/shared_cell.hpp>

namespace sounder {

/// Relaxed load, atomic add of the change: each cell, and each state beside it, ends at the exact sum of all changes
/// (up to rounding), but a change may have been computed from a stale read. The paper's Hogwild! assumes this form.
template <class Rule_>
struct Atomic {
  using Rule = Rule_;
  static constexpr AccessKind kKind = AccessKind::atomic;
  static constexpr int kStates = Rule::kStates;
  using Scalar = float;
  Rule rule;

  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    return shared_cell::get<V>(cell);
  }
  template <class V>
  SOUNDER_INLINE void move(float* cell, std::size_t far, V old, float a, float b, V x) const {
    if constexpr (kStates == 0) {
      shared_cell::atomic_add<V>(cell, rule.delta(old, a, b, x));
    } else {
      V state[kStates], before[kStates];
      for (int k = 0; k < kStates; ++k) state[k] = before[k] = shared_cell::get<V>(cell + static_cast<std::size_t>(k + 1) * far);
      const V next = rule.next(state, old, a, b, x);
      for (int k = 0; k < kStates; ++k) shared_cell::atomic_add<V>(cell + static_cast<std::size_t>(k + 1) * far, state[k] - before[k]);
      shared_cell::atomic_add<V>(cell, next - old);
    }
  }
  template <class V>
  SOUNDER_INLINE void add(float* cell, V delta) const {
    shared_cell::atomic_add<V>(cell, delta);
  }
};

}  // namespace sounder
