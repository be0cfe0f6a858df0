// How a simulated group of lanes touches parameters: the CPU's relaxed cells, in the forms of --update.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sounder/params/rounding.hpp>
#include <sounder/params/shared_cell.hpp>
#include <sounder/params/shared_half.hpp>
#include <sounder/rule/sgd.hpp>

#include "lanes/sim_lanes.hpp"

namespace sounder::cuda {

/// kAdds: `red`, updates are atomic adds; else `racy`, relaxed stores.
template <bool kAdds>
struct SimAccess {
  using Cell = float;
  float rate = 0;
  std::ptrdiff_t decays = 0;  ///< where it gathers: see Segment

  float get(const float* cell) const { return shared_cell::get<float>(cell); }
  template <class F>
  F get(const float* cells) const {
    F f;
    for (int i = 0; i < static_cast<int>(sizeof(F) / sizeof(float)); ++i) f.v[i] = get(cells + i);
    return f;
  }
  template <class F>
  void move(float* cells, const F& old, float a, float b, const F& x) const {
    for (int i = 0; i < static_cast<int>(sizeof(F) / sizeof(float)); ++i) update(cells + i, old.v[i], a, b, x.v[i]);
  }
  void prefetch(const float*) const {}
  void move_one(float* cell, float a, float b, float x) const { update(cell, get(cell), a, b, x); }
  void move_one(float* cell, float b, float x) const { update(cell, get(cell), 0.f, b, x); }
  template <class F>
  void add(float* cells, const F& change) const {
    for (int i = 0; i < static_cast<int>(sizeof(F) / sizeof(float)); ++i) add_one(cells + i, change.v[i]);
  }
  void add_one(float* cell, float change) const { shared_cell::atomic_add<float>(cell, change); }

 private:
  void update(float* cell, float old, float a, float b, float x) const {
    const Sgd rule{.rate = rate};
    if (decays != 0) {
      add_one(cell, b * x);
      if (a != 0) add_one(cell + decays, a);
    } else if constexpr (kAdds)
      shared_cell::atomic_add<float>(cell, rule.delta(old, a, b, x));
    else
      shared_cell::put<float>(cell, rule.next(old, a, b, x));
  }
};

/// Rows of 16 bits (--storage): loaded, moved as floats, and rounded by the bits of `Random`; what is added (`red`) or stored (`racy`).
template <class Random = Draws>
struct SimNarrowAccess {
  using Cell = std::uint16_t;
  float rate = 0;
  StorageName storage = StorageName::bf16;
  bool adds = false;
  Random random{};

  float get(const float* cell) const { return shared_cell::get<float>(cell); }
  template <class F>
  F get(const Cell* cells) const {
    F f;
    for (int i = 0; i < static_cast<int>(sizeof(F) / sizeof(float)); ++i) f.v[i] = widened(storage, shared_half::get(cells + i));
    return f;
  }
  template <class F>
  void move(Cell* cells, const F& old, float a, float b, const F& x) {
    const F next = Sgd{.rate = rate}.next(old, a, b, x);
    for (std::uint32_t i = 0; i < sizeof(F) / sizeof(float); ++i) {
      const std::uint32_t bits = random.bits(i / 2) >> (i % 2 * 16) & 0xffffu;
      if (adds)
        shared_half::add(storage, cells + i, narrowed_change(storage, old.v[i], next.v[i], bits));
      else
        shared_half::put(cells + i, narrowed(storage, next.v[i], bits));
    }
    random.next();
  }
  void prefetch(const Cell*) const {}
  void add_one(float* cell, float change) const { shared_cell::atomic_add<float>(cell, change); }
};

}  // namespace sounder::cuda
