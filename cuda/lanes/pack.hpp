// The floats of a row that one lane holds, on a GPU 4; or those of a whole group of lanes, where a thread plays them all.
#pragma once

#include <sounder/params/lanes.hpp>

namespace sounder::cuda {

template <int N>
struct alignas(16) Pack {
  float v[N];

  friend SOUNDER_INLINE Pack operator+(Pack a, const Pack& b) {
    SOUNDER_UNROLL for (int i = 0; i < N; ++i) a.v[i] += b.v[i];
    return a;
  }
  friend SOUNDER_INLINE Pack operator-(Pack a, const Pack& b) {
    SOUNDER_UNROLL for (int i = 0; i < N; ++i) a.v[i] -= b.v[i];
    return a;
  }
  friend SOUNDER_INLINE Pack operator-(Pack a, float b) {
    SOUNDER_UNROLL for (int i = 0; i < N; ++i) a.v[i] -= b;
    return a;
  }
  friend SOUNDER_INLINE Pack operator*(Pack a, const Pack& b) {
    SOUNDER_UNROLL for (int i = 0; i < N; ++i) a.v[i] *= b.v[i];
    return a;
  }
  friend SOUNDER_INLINE Pack operator*(float factor, Pack a) {
    SOUNDER_UNROLL for (int i = 0; i < N; ++i) a.v[i] *= factor;
    return a;
  }
};

}  // namespace sounder::cuda
