// Adam (Kingma, Ba 2015) on one coordinate.
#pragma once

#include <cmath>

#include <sounder/params/math.hpp>

namespace sounder {

/// The moments are updated when an example touches the coordinate (the lazy form), and the count t that corrects
/// their bias is the coordinate's own: a counter shared by all workers is the hot spot of parallel Adam. The L2 part
/// a * w is taken implicitly and apart from the moments (decoupled decay, Loshchilov and Hutter 2019).
struct Adam {
  static constexpr const char* kName = "adam";
  static constexpr int kStates = 3;  ///< first moment, second moment, t
  static constexpr float kBeta1 = 0.9f, kBeta2 = 0.999f, kEpsilon = 1e-8f;
  float rate = 0;

  template <class V>
  SOUNDER_INLINE V next(V (&state)[kStates], V old, float a, float b, V x) const {
    constexpr float kLog1 = -0.105360516f, kLog2 = -0.00100050033f;  // of the betas
    const V g = b * x;
    state[0] = kBeta1 * state[0] + (1.f - kBeta1) * g;
    state[1] = kBeta2 * state[1] + (1.f - kBeta2) * (g * g);
    state[2] = state[2] + 1.f;
    const V unbiased1 = 1.f - power_of(kLog1, state[2]), unbiased2 = 1.f - power_of(kLog2, state[2]);
    const V root = root_of(state[1] / unbiased2) + kEpsilon;
    return (root * old - rate * (state[0] / unbiased1)) / (root + rate * a);
  }
  static double default_step(double sgd_step) { return 0.05 * std::sqrt(sgd_step); }
};

}  // namespace sounder
