// Who computes one step. A Lanes type says how `kStrip` consecutive floats of a row are held and combined.
#pragma once

#include <bit>
#include <cstdint>

// The arithmetic of a step is one source for the CPU and the GPU: under nvcc it is compiled for both.
#if defined(__CUDACC__)
#define SOUNDER_INLINE __host__ __device__ __forceinline__
#define SOUNDER_UNROLL _Pragma("unroll")
#else
#define SOUNDER_INLINE inline __attribute__((always_inline))
#define SOUNDER_UNROLL _Pragma("GCC unroll 64")
#endif

// A translation unit compiled for AVX-512 and one compiled for SSE may be linked together (a library and its
// embedder). Everything whose code depends on the instruction set lives in a namespace named after it.
#if defined(__CUDACC__)
#define SOUNDER_ISA device
#elif defined(__AVX512F__)
#define SOUNDER_ISA avx512
#define SOUNDER_STRIP 16
#elif defined(__AVX2__) && defined(__FMA__)
#define SOUNDER_ISA avx2
#define SOUNDER_STRIP 8
#else
#define SOUNDER_ISA base
#define SOUNDER_STRIP 4
#endif

#ifndef SOUNDER_ATOMIC_CELLS
#define SOUNDER_ATOMIC_CELLS 0
#endif

namespace sounder::inline SOUNDER_ISA {

#if defined(__CUDACC__)
struct ThreadLanes;  ///< of CPU threads, unknown to nvcc: kernels have lanes of their own (cuda/lanes)
#else
/// N floats in one vector register. A typedef: with a dependent size, g++ 12 silently makes an alias a plain float.
template <int N>
struct Simd {
  typedef float F __attribute__((vector_size(4 * N)));
  typedef float Unaligned __attribute__((vector_size(4 * N), aligned(4), may_alias));
  typedef std::int32_t I __attribute__((vector_size(4 * N)));
};

/// Sum of the lanes, pairwise.
template <int N>
SOUNDER_INLINE float sum_of(typename Simd<N>::F v) {
  if constexpr (N == 16)
    return sum_of<8>(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                     __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  else if constexpr (N == 8)
    return sum_of<4>(__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7));
  else {
    const typename Simd<4>::F half = v + __builtin_shufflevector(v, v, 2, 3, 0, 1);
    return half[0] + half[1];
  }
}

/// Largest of the lanes.
template <int N>
SOUNDER_INLINE float max_of(typename Simd<N>::F v) {
  float most = v[0];
  SOUNDER_UNROLL for (int i = 1; i < N; ++i) most = v[i] > most ? v[i] : most;
  return most;
}

/// exp of each lane, within 2 units in the last place from -87 to 88; 0 below, exp(88) above: x = n ln 2 + r with
/// |r| <= ln 2 / 2, the polynomial of Cephes (Moshier, expf.c) for r, and n added to the exponent. std::exp would be
/// called once a lane.
template <int N>
SOUNDER_INLINE typename Simd<N>::F exp_of(typename Simd<N>::F x) {
  using F = typename Simd<N>::F;
  using I = typename Simd<N>::I;
  constexpr float kRound = 0x1.8p23f;  // added and taken away, it rounds to a whole number
  constexpr float kLeast = -87.f, kMost = 88.f;
  const I vanishes = x < kLeast;
  x = vanishes ? F{} + kLeast : x;
  x = x > kMost ? F{} + kMost : x;
  const F shifted = x * 0x1.715476p0f + kRound;
  const F n = shifted - kRound;
  const F r = x - n * 0.693359375f + n * 2.12194440e-4f;  // ln 2 in two parts: the first times n is exact
  F p = F{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  const I exponent = (std::bit_cast<I>(shifted) - std::bit_cast<std::int32_t>(kRound)) << 23;
  const F result = std::bit_cast<F>(std::bit_cast<I>(p) + exponent);
  return vanishes ? F{} : result;
}

/// One CPU thread; the lanes are those of its vector registers.
struct ThreadLanes {
  static constexpr int kStrip = SOUNDER_STRIP;
  using F = Simd<kStrip>::F;
  using Unaligned = Simd<kStrip>::Unaligned;

  static SOUNDER_INLINE F broadcast(float x) { return F{} + x; }
  static SOUNDER_INLINE float sum(F v) { return sum_of<kStrip>(v); }
  static SOUNDER_INLINE float max(F v) { return max_of<kStrip>(v); }
  static SOUNDER_INLINE F larger(F a, F b) { return a > b ? a : b; }
  static SOUNDER_INLINE F exp(F v) { return exp_of<kStrip>(v); }
  /// `a` in the lanes where `by` > 0, else 0.
  static SOUNDER_INLINE F where_positive(F by, F a) { return by > 0.f ? a : F{}; }
  /// The lanes in front of `end`; `fill` in the others.
  static SOUNDER_INLINE F head(F v, int end, float fill) { return lane_numbers() < end ? v : F{} + fill; }
  /// 1 in one lane (none if there is no such lane), 0 in the others.
  static SOUNDER_INLINE F unit(int lane) { return lane_numbers() == lane ? F{} + 1.f : F{}; }
  static SOUNDER_INLINE void store(float* to, F v) { *reinterpret_cast<Unaligned*>(to) = v; }
  static SOUNDER_INLINE F load(const float* from) { return *reinterpret_cast<const Unaligned*>(from); }
  static SOUNDER_INLINE float get(F v, int i) { return v[i]; }
  static SOUNDER_INLINE void put(F& v, int i, float x) { v[i] = x; }
  static SOUNDER_INLINE double dot_double(F a, F b) {
    double sum = 0;
    for (int i = 0; i < kStrip; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
  }

 private:
  static SOUNDER_INLINE typename Simd<kStrip>::I lane_numbers() {
    typename Simd<kStrip>::I numbers;
    SOUNDER_UNROLL for (int i = 0; i < kStrip; ++i) numbers[i] = i;
    return numbers;
  }
};
#endif

}  // namespace sounder::inline SOUNDER_ISA
