// Elementary functions of a V: a float, or a strip of floats in one vector register.
#pragma once

#include <cmath>
#include <type_traits>

#if defined(__SSE__) && !defined(__CUDACC__)
#include <immintrin.h>
#endif

#include <sounder/params/lanes.hpp>

namespace sounder::inline SOUNDER_ISA {

/// Square root of each lane, correctly rounded.
template <class V>
SOUNDER_INLINE V root_of(V v) {
  if constexpr (std::is_same_v<V, float>)
    return __builtin_sqrtf(v);
#if defined(__AVX512F__) && !defined(__CUDACC__)
  else if constexpr (sizeof(V) == 64)
    return reinterpret_cast<V>(_mm512_maskz_sqrt_ps(0xffff, reinterpret_cast<__m512>(v)));  // g++ 12 warns of the plain form
#endif
#if defined(__AVX__) && !defined(__CUDACC__)
  else if constexpr (sizeof(V) == 32)
    return reinterpret_cast<V>(_mm256_sqrt_ps(reinterpret_cast<__m256>(v)));
#endif
#if defined(__SSE__) && !defined(__CUDACC__)
  else if constexpr (sizeof(V) == 16)
    return reinterpret_cast<V>(_mm_sqrt_ps(reinterpret_cast<__m128>(v)));
#endif
  else {
    for (unsigned i = 0; i < sizeof(V) / sizeof(float); ++i) v[i] = __builtin_sqrtf(v[i]);
    return v;
  }
}

/// base^t of each lane, given log(base).
template <class V>
SOUNDER_INLINE V power_of(float log_base, V t) {
  if constexpr (std::is_same_v<V, float>)
    return std::exp(log_base * t);
  else
    return exp_of<sizeof(V) / sizeof(float)>(log_base * t);
}

}  // namespace sounder::inline SOUNDER_ISA
