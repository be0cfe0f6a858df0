// Heavy-ball momentum (Polyak 1964) on one coordinate.
#pragma once

#include <sounder/params/lanes.hpp>

namespace sounder {

/// v = mu * v + g, w -= rate * v, with g = b * x; the L2 part a * w is taken implicitly.
/// A coordinate that an example does not touch rests: its velocity neither decays nor moves it (the lazy form).
struct Momentum {
  static constexpr const char* kName = "momentum";
  static constexpr int kStates = 1;
  static constexpr float kMu = 0.9f;
  float rate = 0;

  template <class V>
  SOUNDER_INLINE V next(V (&state)[kStates], V old, float a, float b, V x) const {
    state[0] = kMu * state[0] + b * x;
    return (old - rate * state[0]) * (1.f / (1.f + rate * a));
  }
  /// The steps of one gradient sum to rate / (1 - mu).
  static double default_step(double sgd_step) { return sgd_step * (1 - static_cast<double>(kMu)); }
};

}  // namespace sounder
