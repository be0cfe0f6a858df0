// How a kernel touches parameters. For .cu files only.
//
// L1 is not coherent, so plain loads could see a stale line for the whole life of a kernel: loads are relaxed, at the scope
// of the GPU where only it trains on this memory, of the system where CPU threads write the same cells. Written by: any lane, at any
// time. Read by: any lane. Order: relaxed; a cell carries no other data with it.
#pragma once

#include <sounder/cuda/options.hpp>
#include <sounder/params/rounding.hpp>
#include <sounder/rule/sgd.hpp>

#include "kernels/halves.hpp"
#include "kernels/ptx.hpp"

namespace sounder::cuda {

/// What a kernel can do of --update: one form where every instruction counts, several where the bus does.
enum class Forms { racy, red, racy_or_red, any };

template <Forms kForms, Scope kScope>
struct DeviceAccess {
  using Cell = float;
  float rate = 0;
  UpdateName update = UpdateName::racy;  ///< where the kernel has several
  std::ptrdiff_t decays = 0;             ///< where it gathers: see Segment

  __device__ __forceinline__ float get(const float* cell) const { return ptx::load<kScope>(cell); }
  template <class F>
  __device__ __forceinline__ F get(const float* cells) const {
    return ptx::load4<kScope>(cells);
  }
  __device__ __forceinline__ void prefetch(const float* cells) const { ptx::prefetch(cells); }

  /// One step of the rule; `old` is what was read.
  __device__ __forceinline__ void move(float* cells, const Pack<4>& old, float a, float b, const Pack<4>& x) const {
    const Sgd rule{.rate = rate};
    if (gathers()) {
      add(cells, b * x);
      if (a != 0) add(cells + decays, a * Pack<4>{{1, 1, 1, 1}});
    } else if (adds())
      add(cells, rule.delta(old, a, b, x));
    else
      ptx::store4<kScope>(cells, rule.next(old, a, b, x));
  }
  __device__ __forceinline__ void move_one(float* cell, float a, float b, float x) const {
    const Sgd rule{.rate = rate};
    if (gathers()) {
      add_one(cell, b * x);
      add_one(cell + decays, a);
      return;
    }
    const float old = get(cell);
    if (adds())
      add_one(cell, rule.delta(old, a, b, x));
    else
      ptx::store<kScope>(cell, rule.next(old, a, b, x));
  }
  /// The same with a = 0: adds need not read.
  __device__ __forceinline__ void move_one(float* cell, float b, float x) const {
    if (adds())
      add_one(cell, -rate * b * x);
    else
      ptx::store<kScope>(cell, get(cell) - rate * b * x);
  }
  __device__ __forceinline__ void add(float* cells, const Pack<4>& change) const {
    if (system_wide())
      for (int i = 0; i < 4; ++i) ptx::add_system(cells + i, change.v[i]);
    else
      ptx::add4(cells, change);
  }
  __device__ __forceinline__ void add_one(float* cell, float change) const {
    if (system_wide())
      ptx::add_system(cell, change);
    else
      ptx::add(cell, change);
  }

 private:
  __device__ __forceinline__ bool adds() const { return kForms == Forms::red || (kForms != Forms::racy && update != UpdateName::racy); }
  __device__ __forceinline__ bool gathers() const { return kForms != Forms::racy && kForms != Forms::red && decays != 0; }
  __device__ __forceinline__ bool system_wide() const { return kForms == Forms::any && update == UpdateName::red_sys; }
};

/// Rows of 16 bits (--storage): loaded, moved as floats, and rounded at random; what is added (`red`) or stored (`racy`). The GPU's alone.
template <bool kAdds>
struct NarrowAccess {
  using Cell = std::uint16_t;
  float rate = 0;
  StorageName storage = StorageName::bf16;
  std::uint32_t lane = 0;  ///< of the worker's
  Draws random{};

  __device__ __forceinline__ float get(const float* cell) const { return ptx::load<Scope::gpu>(cell); }
  template <class F>
  __device__ __forceinline__ F get(const Cell* cells) const {
    return halves::widened(storage, ptx::load_words(cells));
  }
  __device__ __forceinline__ void prefetch(const Cell* cells) const { ptx::prefetch(cells); }
  __device__ __forceinline__ void move(Cell* cells, const Pack<4>& old, float a, float b, const Pack<4>& x) {
    const ptx::Words words = halves::narrowed<kAdds>(storage, old, Sgd{.rate = rate}.next(old, a, b, x), random, lane);
    if constexpr (kAdds)
      ptx::add_words(storage, cells, words);
    else
      ptx::store_words(cells, words);
    random.next();
  }
  __device__ __forceinline__ void add_one(float* cell, float change) const { ptx::add(cell, change); }
};

}  // namespace sounder::cuda
