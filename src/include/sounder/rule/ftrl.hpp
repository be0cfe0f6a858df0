// FTRL-Proximal (McMahan et al., KDD 2013) on one coordinate: AdaGrad's rates, and L1 that gives exact zeros.
#pragma once

#include <cmath>

#include <sounder/params/math.hpp>

namespace sounder {

/// n += g^2, z += g - (sqrt(n) - sqrt(n - g^2)) / rate * w, and w = -rate (z - sign(z) l1) / (beta + sqrt(n)) where
/// |z| > l1, else 0; g = a * w + b * x. `l1` grows with the examples seen, as it stands against the sum of their losses
/// (the objective states it against their mean). The weight is a function of the state, so `rate` must not change
/// during a run. A weight that is not 0 at its first step is the point that it sets out from.
struct Ftrl {
  static constexpr const char* kName = "ftrl";
  static constexpr int kStates = 2;  ///< z, n
  static constexpr float kBeta = 1;
  float rate = 0;
  float l1 = 0;

  template <class V>
  SOUNDER_INLINE V next(V (&state)[kStates], V old, float a, float b, V x) const {
    const V zero{}, g = a * old + b * x;
    const V start = old > zero ? old * (-kBeta / rate) - l1 : old < zero ? old * (-kBeta / rate) + l1 : zero;
    const V z_old = state[1] == zero ? start : state[0];
    const V root_old = root_of(state[1]);
    state[1] = state[1] + g * g;
    const V root = root_of(state[1]);
    const V z = z_old + g - (root - root_old) * (1.f / rate) * old;
    state[0] = z;
    const V shrunk = z > l1 ? z - l1 : z < -l1 ? z + l1 : zero;
    return (-rate * shrunk) / (kBeta + root);
  }
  static double default_step(double sgd_step) { return std::sqrt(sgd_step); }
};

}  // namespace sounder
