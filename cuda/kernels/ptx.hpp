// Relaxed loads, stores and adds, as the instructions of PTX that they are: libcu++ has no 16-byte forms, and its adds return the
// old value, which nobody waits for here. For .cu files only.
//
// No "memory" clobbers: cells are touched by these functions alone, and all that a kernel reads otherwise is constant. A clobber
// would make the compiler read ids and labels again after every access.
#pragma once

#include <cstdint>

#include <sounder/params/rounding.hpp>

#include "lanes/pack.hpp"

namespace sounder::cuda {

enum class Scope { gpu, system };

namespace ptx {

template <Scope kScope>
__device__ __forceinline__ float load(const float* p) {
  float x;
  if constexpr (kScope == Scope::gpu)
    asm volatile("ld.relaxed.gpu.global.f32 %0, [%1];" : "=f"(x) : "l"(p));
  else
    asm volatile("ld.relaxed.sys.global.f32 %0, [%1];" : "=f"(x) : "l"(p));
  return x;
}
template <Scope kScope>
__device__ __forceinline__ Pack<4> load4(const float* p) {
  Pack<4> x;
  if constexpr (kScope == Scope::gpu)
    asm volatile("ld.relaxed.gpu.global.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(x.v[0]), "=f"(x.v[1]), "=f"(x.v[2]), "=f"(x.v[3]) : "l"(p));
  else
    asm volatile("ld.relaxed.sys.global.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(x.v[0]), "=f"(x.v[1]), "=f"(x.v[2]), "=f"(x.v[3]) : "l"(p));
  return x;
}
template <Scope kScope>
__device__ __forceinline__ void store(float* p, float x) {
  if constexpr (kScope == Scope::gpu)
    asm volatile("st.relaxed.gpu.global.f32 [%0], %1;" ::"l"(p), "f"(x));
  else
    asm volatile("st.relaxed.sys.global.f32 [%0], %1;" ::"l"(p), "f"(x));
}
template <Scope kScope>
__device__ __forceinline__ void store4(float* p, const Pack<4>& x) {
  if constexpr (kScope == Scope::gpu)
    asm volatile("st.relaxed.gpu.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(p), "f"(x.v[0]), "f"(x.v[1]), "f"(x.v[2]), "f"(x.v[3]));
  else
    asm volatile("st.relaxed.sys.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(p), "f"(x.v[0]), "f"(x.v[1]), "f"(x.v[2]), "f"(x.v[3]));
}

/// Four cells of 16 bits, two in a word.
struct alignas(8) Words {
  std::uint32_t v[2];
};
__device__ __forceinline__ Words load_words(const std::uint16_t* p) {
  Words x;
  asm volatile("ld.relaxed.gpu.global.v2.b32 {%0, %1}, [%2];" : "=r"(x.v[0]), "=r"(x.v[1]) : "l"(p));
  return x;
}
__device__ __forceinline__ void store_words(std::uint16_t* p, const Words& x) {
  asm volatile("st.relaxed.gpu.global.v2.b32 [%0], {%1, %2};" ::"l"(p), "r"(x.v[0]), "r"(x.v[1]));
}

/// Each cell's sum is rounded to the nearest. GPUs before sm_90 have no such add of bf16: there, both formats, a word at a time, by comparing and swapping.
__device__ __forceinline__ void add_words(StorageName storage, std::uint16_t* p, const Words& x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  if (storage == StorageName::bf16)
    asm volatile("red.relaxed.gpu.global.add.noftz.v2.bf16x2 [%0], {%1, %2};" ::"l"(p), "r"(x.v[0]), "r"(x.v[1]));
  else
    asm volatile("red.relaxed.gpu.global.add.noftz.v2.f16x2 [%0], {%1, %2};" ::"l"(p), "r"(x.v[0]), "r"(x.v[1]));
#else
  const auto sum = [storage](std::uint32_t a, std::uint32_t b) {
    return nearest(storage, widened(storage, static_cast<std::uint16_t>(a)) + widened(storage, static_cast<std::uint16_t>(b)));
  };
  for (int i = 0; i < 2; ++i) {
    auto* const word = reinterpret_cast<unsigned*>(p) + i;
    for (unsigned seen = *word, old = seen + 1; old != seen;) {
      old = seen;
      seen = atomicCAS(word, old, sum(old & 0xffffu, x.v[i] & 0xffffu) | static_cast<unsigned>(sum(old >> 16, x.v[i] >> 16)) << 16);
    }
  }
#endif
}

/// Adds at the scope of the GPU, without waiting for the old value.
__device__ __forceinline__ void add(float* p, float x) { asm volatile("red.relaxed.gpu.global.add.f32 [%0], %1;" ::"l"(p), "f"(x)); }
__device__ __forceinline__ void add4(float* p, const Pack<4>& x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(p), "f"(x.v[0]), "f"(x.v[1]), "f"(x.v[2]), "f"(x.v[3]));
#else
  SOUNDER_UNROLL for (int i = 0; i < 4; ++i) add(p + i, x.v[i]);
#endif
}
/// At the scope of the system: where the memory is shared with running CPU threads over PCIe, each costs page faults.
__device__ __forceinline__ void add_system(float* p, float x) { asm volatile("red.relaxed.sys.global.add.f32 [%0], %1;" ::"l"(p), "f"(x)); }

/// Asks for the line to come to L2.
__device__ __forceinline__ void prefetch(const void* p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }

}  // namespace ptx
}  // namespace sounder::cuda
