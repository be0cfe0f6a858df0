// How a kernel touches parameters. For .cu files only.
//
// L1 is not coherent, so plain loads could see a stale line for the whole life of a kernel: loads are relaxed, at the scope
// of the GPU where only it trains on this memory, of the system where CPU threads write the same cells. Written by: any lane, at any
// time. Read by: any lane. Order: relaxed; a cell carries no other data with it.
#pragma once

#include <sounder/rule/sgd.hpp>

#include "lanes/pack.hpp"

namespace sounder::cuda {

enum class Scope { gpu, system };

namespace ptx {

template <Scope kScope>
__device__ __forceinline__ float load(const float* p) {
  float x;
  if constexpr (kScope == Scope::gpu)
    asm volatile("ld.relaxed.gpu.global.f32 %0, [%1];" : "=f"(x) : "l"(p) : "memory");
  else
    asm volatile("ld.relaxed.sys.global.f32 %0, [%1];" : "=f"(x) : "l"(p) : "memory");
  return x;
}
template <Scope kScope>
__device__ __forceinline__ Pack<4> load4(const float* p) {
  Pack<4> x;
  if constexpr (kScope == Scope::gpu)
    asm volatile("ld.relaxed.gpu.global.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(x.v[0]), "=f"(x.v[1]), "=f"(x.v[2]), "=f"(x.v[3]) : "l"(p) : "memory");
  else
    asm volatile("ld.relaxed.sys.global.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(x.v[0]), "=f"(x.v[1]), "=f"(x.v[2]), "=f"(x.v[3]) : "l"(p) : "memory");
  return x;
}
template <Scope kScope>
__device__ __forceinline__ void store(float* p, float x) {
  if constexpr (kScope == Scope::gpu)
    asm volatile("st.relaxed.gpu.global.f32 [%0], %1;" ::"l"(p), "f"(x) : "memory");
  else
    asm volatile("st.relaxed.sys.global.f32 [%0], %1;" ::"l"(p), "f"(x) : "memory");
}
template <Scope kScope>
__device__ __forceinline__ void store4(float* p, const Pack<4>& x) {
  if constexpr (kScope == Scope::gpu)
    asm volatile("st.relaxed.gpu.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(p), "f"(x.v[0]), "f"(x.v[1]), "f"(x.v[2]), "f"(x.v[3]) : "memory");
  else
    asm volatile("st.relaxed.sys.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(p), "f"(x.v[0]), "f"(x.v[1]), "f"(x.v[2]), "f"(x.v[3]) : "memory");
}
/// Adds at the scope of the GPU, without waiting for the old value.
__device__ __forceinline__ void add(float* p, float x) { asm volatile("red.relaxed.gpu.global.add.f32 [%0], %1;" ::"l"(p), "f"(x) : "memory"); }
__device__ __forceinline__ void add4(float* p, const Pack<4>& x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(p), "f"(x.v[0]), "f"(x.v[1]), "f"(x.v[2]), "f"(x.v[3]) : "memory");
#else
  for (int i = 0; i < 4; ++i) add(p + i, x.v[i]);
#endif
}
/// At the scope of the system: where the memory is shared with running CPU threads over PCIe, each costs page faults.
__device__ __forceinline__ void add_system(float* p, float x) { asm volatile("red.relaxed.sys.global.add.f32 [%0], %1;" ::"l"(p), "f"(x) : "memory"); }

}  // namespace ptx

/// `racy`: relaxed stores, as hogwild. `red`: adds at the scope of the GPU. `red_system`: for contrast.
enum class Update { racy, red, red_system };

template <Update kUpdate, Scope kScope>
struct DeviceAccess {
  float rate = 0;

  __device__ __forceinline__ float get(const float* cell) const { return ptx::load<kScope>(cell); }
  template <class F>
  __device__ __forceinline__ F get(const float* cells) const {
    return ptx::load4<kScope>(cells);
  }
  __device__ __forceinline__ void move(float* cells, const Pack<4>& old, float a, float b, const Pack<4>& x) const {
    const Sgd rule{.rate = rate};
    if constexpr (kUpdate == Update::racy)
      ptx::store4<kScope>(cells, rule.next(old, a, b, x));
    else
      add(cells, rule.delta(old, a, b, x));
  }
  __device__ __forceinline__ void move_one(float* cell, float a, float b, float x) const {
    const Sgd rule{.rate = rate};
    if constexpr (kUpdate == Update::racy)
      ptx::store<kScope>(cell, rule.next(get(cell), a, b, x));
    else
      add_one(cell, a == 0.f ? -rate * b * x : rule.delta(get(cell), a, b, x));
  }
  __device__ __forceinline__ void add(float* cells, const Pack<4>& change) const {
    if constexpr (kUpdate == Update::red_system)
      for (int i = 0; i < 4; ++i) ptx::add_system(cells + i, change.v[i]);
    else
      ptx::add4(cells, change);
  }
  __device__ __forceinline__ void add_one(float* cell, float change) const {
    if constexpr (kUpdate == Update::red_system)
      ptx::add_system(cell, change);
    else
      ptx::add(cell, change);
  }
};

}  // namespace sounder::cuda
