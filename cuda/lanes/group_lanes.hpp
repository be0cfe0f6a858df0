// Lanes of a GPU: G neighbouring threads of a warp step on one example together, each holding 4 floats of every strip.
// For .cu files only.
#pragma once

#include <cstdint>

#include "lanes/pack.hpp"

namespace sounder::cuda {

/// G: 4, 8, 16 or 32. All lanes of a group call every function together; scalars are the same in each.
template <int G>
struct GroupLanes {
  static_assert(G == 4 || G == 8 || G == 16 || G == 32);
  static constexpr int kLanes = G;
  static constexpr int kStrip = 4 * G;  ///< floats of a row that the group holds at once
  using F = Pack<4>;

  static __device__ __forceinline__ int lane() { return static_cast<int>(threadIdx.x) & (G - 1); }
  /// Where the part of this lane begins, in floats from the begin of a strip.
  static __device__ __forceinline__ int offset() { return 4 * lane(); }
  static __device__ __forceinline__ bool first() { return lane() == 0; }

  /// What no kernel writes, past the checks that writes would need.
  template <class T>
  static __device__ __forceinline__ T constant(const T* p) {
    return __ldg(p);
  }

  /// The same butterfly as SimLanes, so that both give the same bits.
  static __device__ __forceinline__ float sum(float x) {
    SOUNDER_UNROLL for (int distance = G / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(mask(), x, distance, G);
    return x;
  }
  static __device__ __forceinline__ float sum(const F& f) { return sum((f.v[0] + f.v[1]) + (f.v[2] + f.v[3])); }
  static __device__ __forceinline__ float max(const F& f) {
    float x = fmaxf(fmaxf(f.v[0], f.v[1]), fmaxf(f.v[2], f.v[3]));
    SOUNDER_UNROLL for (int distance = G / 2; distance > 0; distance /= 2) x = fmaxf(x, __shfl_xor_sync(mask(), x, distance, G));
    return x;
  }
  /// The sum of f(j) over j < n, every lane taking each G-th.
  template <class Function>
  static __device__ __forceinline__ float sum_over(std::uint32_t n, Function f) {
    float part = 0;
    for (auto j = static_cast<std::uint32_t>(lane()); j < n; j += G) part += f(j);
    return sum(part);
  }
  /// f(j) once for each j < n, by some lane.
  template <class Function>
  static __device__ __forceinline__ void each(std::uint32_t n, Function f) {
    for (auto j = static_cast<std::uint32_t>(lane()); j < n; j += G) f(j);
  }

  static __device__ __forceinline__ F load(const float* from) {
    F f;
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) f.v[i] = from[offset() + i];
    return f;
  }
  static __device__ __forceinline__ F larger(F a, const F& b) {
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) a.v[i] = fmaxf(a.v[i], b.v[i]);
    return a;
  }
  static __device__ __forceinline__ F exp(F a) {
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) a.v[i] = expf(a.v[i]);
    return a;
  }
  static __device__ __forceinline__ F where_positive(const F& by, F a) {
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) a.v[i] = by.v[i] > 0.f ? a.v[i] : 0.f;
    return a;
  }
  static __device__ __forceinline__ F head(F a, int end, float fill) {
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) a.v[i] = offset() + i < end ? a.v[i] : fill;
    return a;
  }
  static __device__ __forceinline__ F unit(int at) {
    F unit;
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) unit.v[i] = offset() + i == at ? 1.f : 0.f;
    return unit;
  }
  /// `at`: a constant, else the pack goes to local memory.
  static __device__ __forceinline__ float get(const F& f, int at) { return __shfl_sync(mask(), f.v[at % 4], at / 4, G); }
  /// The same of `at`.
  static __device__ __forceinline__ void put(F& f, int at, float x) {
    f.v[at % 4] = lane() == at / 4 ? x : f.v[at % 4];
  }

 private:
  /// The threads of this group in its warp: groups diverge from each other, their lanes never.
  static __device__ __forceinline__ unsigned mask() {
    return G == 32 ? 0xffffffffu : ((1u << (G & 31)) - 1u) << (threadIdx.x & 31u & ~(G - 1u));
  }
};

}  // namespace sounder::cuda
