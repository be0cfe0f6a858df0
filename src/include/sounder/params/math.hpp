// Elementary functions of a V: a float, or a strip of floats in one vector register.
#pragma once

#include <cmath>
#include <type_traits>

#if defined(__SSE__)
#include <immintrin.h>
#endif

#include <sounder/params/lanes.hpp>

namespace sounder::inline SOUNDER_ISA {

/// Square root of each lane, correctly rounded.
template <class V>
SOUNDER_INLINE V root_of(V v) {
  if constexpr (std::is_same_v<V, float>)
    return __builtin_sqrtf(v);
#if defined(__AVX512F__)
  else if constexpr (sizeof(V) == 64)
    return reinterpret_cast<V>(_mm512_maskz_sqrt_ps(0xffff, reinterpret_cast<__m512>(v)));  // g++ 12 warns of the plain form
#endif
#if defined(__AVX__)
  else if constexpr (sizeof(V) == 32)
    return reinterpret_cast<V>(_mm256_sqrt_ps(reinterpret_cast<__m256>(v)));
#endif
#if defined(__SSE__)
  else if constexpr (sizeof(V) == 16)
    return reinterpret_cast<V>(_mm_sqrt_ps(reinterpret_cast<__m128>(v)));
#endif
  else {
    for (unsigned i = 0; i < sizeof(V) / sizeof(float); ++i) v[i] = __builtin_sqrtf(v[i]);
    return v;
  }
}

/// base^t of each lane for a constant 0 < base < 1 and whole t >= 0, by its bits: t < 2^16, beyond it 0.
/// Eight squarings would do for the t that matter; a polynomial is cheaper: 2^y, y = t * log2(base), with
/// y = n + f, |f| <= 1/2, and the Taylor series of 2^f to f^6 (relative error below 2e-7).
template <class V>
SOUNDER_INLINE V power_of(float log2_base, V t) {
  if constexpr (std::is_same_v<V, float>)
    return std::exp2(log2_base * t);
  else {
    typedef int Int __attribute__((vector_size(sizeof(V))));
    const V y = log2_base * t;
    const V clipped = y < -120.f ? V{} - 120.f : y;
    const Int n = __builtin_convertvector(clipped - 0.5f, Int);  // truncation towards 0 of a negative number: rounds
    const V f = (clipped - __builtin_convertvector(n, V)) * 0.693147181f;
    const V series = 1.f + f * (1.f + f * (0.5f + f * (1.f / 6 + f * (1.f / 24 + f * (1.f / 120 + f * (1.f / 720))))));
    return series * reinterpret_cast<V>((n + 127) << 23);
  }
}

}  // namespace sounder::inline SOUNDER_ISA
