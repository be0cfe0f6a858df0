// A private copy of a row of W floats, spread over the lanes that compute a step.
#pragma once

#include <sounder/params/lanes.hpp>

namespace sounder {

/// Elementwise algebra on registers; `sum`, `dot` and `get` give the same scalar to every lane.
template <int W, class Lanes>
struct Row {
  static_assert(W % Lanes::kStrip == 0, "the width of a wide table is a multiple of 16");
  static constexpr int kStrips = W / Lanes::kStrip;
  using F = typename Lanes::F;
  F strip[kStrips];

  static SOUNDER_INLINE Row zero() {
    Row row;
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) row.strip[i] = F{};
    return row;
  }
  friend SOUNDER_INLINE Row operator+(Row a, const Row& b) {
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) a.strip[i] = a.strip[i] + b.strip[i];
    return a;
  }
  friend SOUNDER_INLINE Row operator-(Row a, const Row& b) {
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) a.strip[i] = a.strip[i] - b.strip[i];
    return a;
  }
  friend SOUNDER_INLINE Row operator*(float factor, Row a) {
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) a.strip[i] = factor * a.strip[i];
    return a;
  }
  /// this += factor * b
  SOUNDER_INLINE void fma(float factor, const Row& b) {
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) strip[i] = strip[i] + factor * b.strip[i];
  }
  SOUNDER_INLINE float get(int i) const { return Lanes::get(strip[i / Lanes::kStrip], i % Lanes::kStrip); }
  SOUNDER_INLINE void put(int i, float x) { Lanes::put(strip[i / Lanes::kStrip], i % Lanes::kStrip, x); }
};

template <int W, class Lanes>
SOUNDER_INLINE float dot(const Row<W, Lanes>& a, const Row<W, Lanes>& b) {
  auto sum = a.strip[0] * b.strip[0];
  SOUNDER_UNROLL for (int i = 1; i < a.kStrips; ++i) sum = sum + a.strip[i] * b.strip[i];
  return Lanes::sum(sum);
}

template <int W, class Lanes>
SOUNDER_INLINE double dot_double(const Row<W, Lanes>& a, const Row<W, Lanes>& b) {
  double sum = 0;
  for (int i = 0; i < a.kStrips; ++i) sum += Lanes::dot_double(a.strip[i], b.strip[i]);
  return sum;
}

}  // namespace sounder
