// AdaGrad (Duchi, Hazan, Singer 2011) on one coordinate.
#pragma once

#include <cmath>

#include <sounder/params/math.hpp>

namespace sounder {

/// G += g^2, w -= rate / sqrt(G) * g, with g = b * x; the L2 part a * w is taken implicitly, as a composite term.
///
/// Self-inclusive: the step is divided by the root of the local sum that already holds its own g^2, so |step| <= rate
/// whatever another worker does to G in memory. Dividing by a G that is read again from memory lets weights explode
/// where concurrent adds are lost (the async AdaGrad of PyTorch-BigGraph mends the same).
struct AdaGrad {
  static constexpr const char* kName = "adagrad";
  static constexpr int kStates = 1;
  static constexpr float kSmall = 1e-12f;  ///< keeps 0 / 0 away; g^2 below it does not matter
  float rate = 0;

  template <class V>
  SOUNDER_INLINE V next(V (&state)[kStates], V old, float a, float b, V x) const {
    const V g = b * x;
    state[0] = state[0] + g * g;
    const V root = root_of(state[0] + kSmall);
    return (root * old - rate * g) / (root + rate * a);  // (w - rate/root g) / (1 + rate/root a), with one division
  }
  static double default_step(double sgd_step) { return 0.5 * std::sqrt(sgd_step); }
};

}  // namespace sounder
