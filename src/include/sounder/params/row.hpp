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
  /// 1 at `at`, 0 elsewhere.
  static SOUNDER_INLINE Row unit(int at) {
    Row row;
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) row.strip[i] = Lanes::unit(at - i * Lanes::kStrip);
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
  /// this += (factor * b)^2, elementwise
  SOUNDER_INLINE void fma_square(float factor, const Row& b) {
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) {
      const F part = factor * b.strip[i];
      strip[i] = strip[i] + part * part;
    }
  }
  /// The elements from `end` on replaced by `fill`.
  SOUNDER_INLINE Row head(int end, float fill) const {
    Row row;
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) row.strip[i] = Lanes::head(strip[i], end - i * Lanes::kStrip, fill);
    return row;
  }
  static SOUNDER_INLINE Row load(const float* from) {
    Row row;
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) row.strip[i] = Lanes::load(from + i * Lanes::kStrip);
    return row;
  }
  SOUNDER_INLINE void store(float* to) const {
    SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) Lanes::store(to + i * Lanes::kStrip, strip[i]);
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
SOUNDER_INLINE float sum(const Row<W, Lanes>& a) {
  auto sum = a.strip[0];
  SOUNDER_UNROLL for (int i = 1; i < a.kStrips; ++i) sum = sum + a.strip[i];
  return Lanes::sum(sum);
}

template <int W, class Lanes>
SOUNDER_INLINE float max(const Row<W, Lanes>& a) {
  auto most = a.strip[0];
  SOUNDER_UNROLL for (int i = 1; i < a.kStrips; ++i) most = Lanes::larger(a.strip[i], most);
  return Lanes::max(most);
}

template <int W, class Lanes>
SOUNDER_INLINE Row<W, Lanes> exp(Row<W, Lanes> a) {
  SOUNDER_UNROLL for (int i = 0; i < a.kStrips; ++i) a.strip[i] = Lanes::exp(a.strip[i]);
  return a;
}

/// `a` where `by` > 0, else 0; `where_positive(a, a)` is the rectifier.
template <int W, class Lanes>
SOUNDER_INLINE Row<W, Lanes> where_positive(const Row<W, Lanes>& by, Row<W, Lanes> a) {
  SOUNDER_UNROLL for (int i = 0; i < a.kStrips; ++i) a.strip[i] = Lanes::where_positive(by.strip[i], a.strip[i]);
  return a;
}

template <int W, class Lanes>
SOUNDER_INLINE double dot_double(const Row<W, Lanes>& a, const Row<W, Lanes>& b) {
  double sum = 0;
  for (int i = 0; i < a.kStrips; ++i) sum += Lanes::dot_double(a.strip[i], b.strip[i]);
  return sum;
}

/// What evaluation sums rows in: W doubles, with those operations of a Row that models use on sums.
template <int W>
struct DoubleRow {
  double value[W] = {};

  template <class Lanes>
  SOUNDER_INLINE void fma(double factor, const Row<W, Lanes>& b) {
    alignas(64) float of_b[W];
    b.store(of_b);
    for (int i = 0; i < W; ++i) value[i] += factor * static_cast<double>(of_b[i]);
  }
  template <class Lanes>
  SOUNDER_INLINE void fma_square(double factor, const Row<W, Lanes>& b) {
    alignas(64) float of_b[W];
    b.store(of_b);
    for (int i = 0; i < W; ++i) {
      const double part = factor * static_cast<double>(of_b[i]);
      value[i] += part * part;
    }
  }
  double get(int i) const { return value[i]; }
  void put(int i, double x) { value[i] = x; }
};

template <int W>
double dot(const DoubleRow<W>& a, const DoubleRow<W>& b) {
  double sum = 0;
  for (int i = 0; i < W; ++i) sum += a.value[i] * b.value[i];
  return sum;
}

template <int W>
double sum(const DoubleRow<W>& a) {
  double sum = 0;
  for (int i = 0; i < W; ++i) sum += a.value[i];
  return sum;
}

}  // namespace sounder
