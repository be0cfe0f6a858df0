// Who computes one step. A Lanes type says how `kStrip` consecutive floats of a row are held and combined.
#pragma once

#define SOUNDER_INLINE inline __attribute__((always_inline))
#define SOUNDER_UNROLL _Pragma("GCC unroll 64")

// A translation unit compiled for AVX-512 and one compiled for SSE may be linked together (a library and its
// embedder). Everything whose code depends on the instruction set lives in a namespace named after it.
#if defined(__AVX512F__)
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

/// N floats in one vector register. A typedef: with a dependent size, g++ 12 silently makes an alias a plain float.
template <int N>
struct Simd {
  typedef float F __attribute__((vector_size(4 * N)));
  typedef float Unaligned __attribute__((vector_size(4 * N), aligned(4), may_alias));
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

/// One CPU thread; the lanes are those of its vector registers.
struct ThreadLanes {
  static constexpr int kStrip = SOUNDER_STRIP;
  using F = Simd<kStrip>::F;
  using Unaligned = Simd<kStrip>::Unaligned;

  static SOUNDER_INLINE F broadcast(float x) { return F{} + x; }
  static SOUNDER_INLINE float sum(F v) { return sum_of<kStrip>(v); }
  static SOUNDER_INLINE float get(F v, int i) { return v[i]; }
  static SOUNDER_INLINE void put(F& v, int i, float x) { v[i] = x; }
  static SOUNDER_INLINE double dot_double(F a, F b) {
    double sum = 0;
    for (int i = 0; i < kStrip; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
  }
};

}  // namespace sounder::inline SOUNDER_ISA
