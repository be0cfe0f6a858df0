// Plain stochastic gradient descent on one coordinate.
#pragma once

#include <sounder/params/lanes.hpp>

namespace sounder {

/// The gradient of a cell is a * w + b * x. The part a * w (L2) is taken implicitly,
///   w' = (w - rate * b * x) / (1 + rate * a),
/// which is stable for every a >= 0; the explicit form diverges on rare rows, where a is large.
struct Sgd {
  static constexpr const char* kName = "sgd";
  static constexpr int kStates = 0;
  float rate = 0;

  template <class V>
  SOUNDER_INLINE V next(V old, float a, float b, V x) const {
    const float keep = 1.f / (1.f + rate * a);
    return (-rate * b * keep) * x + keep * old;  // in this order: the other contraction costs 5 to 15 %
  }
  /// next(old, a, b, x) - old, without the cancellation.
  template <class V>
  SOUNDER_INLINE V delta(V old, float a, float b, V x) const {
    const float keep = 1.f / (1.f + rate * a);
    return (-rate * b * keep) * x - (rate * a * keep) * old;
  }
  static double default_step(double sgd_step) { return sgd_step; }
};

}  // namespace sounder
