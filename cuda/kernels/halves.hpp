// Four cells of 16 bits by the conversions that a GPU has: what sounder/params/rounding.hpp says, in half of the instructions, which are what
// such kernels wait for. For .cu files only.
#pragma once

#include <sounder/params/rounding.hpp>

#include "kernels/ptx.hpp"

namespace sounder::cuda::halves {

/// Two floats as two cells, each the nearest: exact where a cell can hold them.
__device__ __forceinline__ std::uint32_t nearest(StorageName storage, float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  std::uint32_t word;
  if (storage == StorageName::bf16)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
#else
  return sounder::nearest(storage, low) | static_cast<std::uint32_t>(sounder::nearest(storage, high)) << 16;
#endif
}

__device__ __forceinline__ Pack<4> widened(StorageName storage, const ptx::Words& words) {
  Pack<4> x;
  SOUNDER_UNROLL for (int i = 0; i < 2; ++i) {
    if (storage == StorageName::bf16) {
      x.v[2 * i] = __uint_as_float(words.v[i] << 16);
      x.v[2 * i + 1] = __uint_as_float(words.v[i] & 0xffff0000u);
    } else {
      asm("{.reg .b16 low, high; mov.b32 {low, high}, %2; cvt.f32.f16 %0, low; cvt.f32.f16 %1, high;}" : "=f"(x.v[2 * i]), "=f"(x.v[2 * i + 1]) : "r"(words.v[i]));
    }
  }
  return x;
}

/// x rounded at random to what a cell can hold; `random`: 16 bits. NaN comes out as anything: see narrowed().
__device__ __forceinline__ float rounded(StorageName storage, float x, std::uint32_t random) {
  if (storage == StorageName::bf16) return __uint_as_float((__float_as_uint(x) + random) & 0xffff0000u);
  // Below 2^-14 steps no longer shrink: 2^-14 is added, in whose binade they are those of f16, and taken away again.
  const float more = fabsf(x) < 0x1p-14f ? copysignf(0x1p-14f, x) : 0.f;
  return __uint_as_float((__float_as_uint(x + more) + (random >> 3)) & 0xffffe000u) - more;
}

/// The cells of `next`, rounded at random; with kAdds, what to add to those of `old` for that. If one is NaN, all are: training has diverged.
template <bool kAdds>
__device__ __forceinline__ ptx::Words narrowed(StorageName storage, const Pack<4>& old, const Pack<4>& next, const Draws& random, std::uint32_t lane) {
  const float sum = next.v[0] + next.v[1] + next.v[2] + next.v[3];
  ptx::Words words;
  SOUNDER_UNROLL for (int i = 0; i < 2; ++i) {
    const std::uint32_t bits = random.bits(lane << 1 | static_cast<std::uint32_t>(i));
    float low = rounded(storage, next.v[2 * i], bits & 0xffffu), high = rounded(storage, next.v[2 * i + 1], bits >> 16);
    if constexpr (kAdds) low -= old.v[2 * i], high -= old.v[2 * i + 1];
    words.v[i] = sum == sum ? nearest(storage, low, high) : 0x7fff7fffu;
  }
  return words;
}

}  // namespace sounder::cuda::halves
