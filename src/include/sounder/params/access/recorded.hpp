// Access `recorded`: cell operations that come one after the other, in an order that can be written down or dictated.
#pragma once

#include <sounder/modes.hpp>
#include <sounder/params/shared_cell.hpp>
#include <sounder/rule/sgd.hpp>

namespace sounder {

/// What a worker passes for every operation on a cell. Belongs to one worker.
class Turnstile {
 public:
  virtual ~Turnstile() = default;
  /// Returns when it is this worker's turn. May throw Error.
  virtual void enter() = 0;
  /// Ends the turn.
  virtual void leave() = 0;
};

/// Relaxed (the rule sgd), where each load and each store of a float or a strip is a turn of its own: updates of
/// others still come between them, and are lost, as in `hogwild`. Slow: for small runs.
struct Recorded {
  using Rule = Sgd;
  static constexpr AccessKind kKind = AccessKind::recorded;
  static constexpr int kStates = Rule::kStates;
  using Scalar = float;
  Rule rule;
  Turnstile* turnstile = nullptr;

  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    turnstile->enter();
    const V value = shared_cell::get<V>(cell);
    turnstile->leave();
    return value;
  }
  template <class V>
  SOUNDER_INLINE void move(float* cell, std::size_t, V old, float a, float b, V x) const {
    put<V>(cell, rule.next(old, a, b, x));
  }
  template <class V>
  SOUNDER_INLINE void add(float* cell, V delta) const {
    put<V>(cell, get<V>(cell) + delta);
  }

 private:
  template <class V>
  SOUNDER_INLINE void put(float* cell, V value) const {
    turnstile->enter();
    shared_cell::put<V>(cell, value);
    turnstile->leave();
  }
};

}  // namespace sounder
