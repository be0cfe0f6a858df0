// A group of G lanes played by one CPU thread: what kernels compute, without a GPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "lanes/pack.hpp"

namespace sounder::cuda {

/// The interface of GroupLanes; a strip is an array, and sums go through the same butterfly.
template <int G>
struct SimLanes {
  static constexpr int kLanes = G;
  static constexpr int kStrip = 4 * G;
  using F = Pack<kStrip>;

  static constexpr int offset() { return 0; }
  static constexpr bool first() { return true; }
  template <class T>
  static T constant(const T* p) {
    return *p;
  }

  static float sum(const F& f) {
    float lane[G];
    for (int i = 0; i < G; ++i) lane[i] = (f.v[4 * i] + f.v[4 * i + 1]) + (f.v[4 * i + 2] + f.v[4 * i + 3]);
    return butterfly(lane);
  }
  static float max(const F& f) { return *std::max_element(f.v, f.v + kStrip); }
  template <class Function>
  static float sum_over(std::uint32_t n, Function f) {
    float lane[G] = {};
    for (std::uint32_t j = 0; j < n; ++j) lane[j % G] += f(j);
    return butterfly(lane);
  }
  template <class Function>
  static void each(std::uint32_t n, Function f) {
    for (std::uint32_t j = 0; j < n; ++j) f(j);
  }

  static F load(const float* from) {
    F f;
    std::copy_n(from, kStrip, f.v);
    return f;
  }
  static F larger(F a, const F& b) {
    for (int i = 0; i < kStrip; ++i) a.v[i] = std::max(a.v[i], b.v[i]);
    return a;
  }
  static F exp(F a) {
    for (float& x : a.v) x = std::exp(x);
    return a;
  }
  static F where_positive(const F& by, F a) {
    for (int i = 0; i < kStrip; ++i) a.v[i] = by.v[i] > 0 ? a.v[i] : 0;
    return a;
  }
  static F head(F a, int end, float fill) {
    for (int i = std::clamp(end, 0, kStrip); i < kStrip; ++i) a.v[i] = fill;
    return a;
  }
  static F unit(int at) {
    F unit{};
    if (at >= 0 && at < kStrip) unit.v[at] = 1;
    return unit;
  }
  static float get(const F& f, int at) { return f.v[at]; }
  static void put(F& f, int at, float x) {
    if (at >= 0 && at < kStrip) f.v[at] = x;
  }

 private:
  static float butterfly(float (&lane)[G]) {
    for (int distance = G / 2; distance > 0; distance /= 2) {
      float sums[G];
      for (int i = 0; i < G; ++i) sums[i] = lane[i] + lane[i ^ distance];
      std::copy_n(sums, G, lane);
    }
    return lane[0];
  }
};

}  // namespace sounder::cuda
