// How a simulated group of lanes touches parameters: the CPU's relaxed cells, in the forms of --update.
#pragma once

#include <sounder/params/shared_cell.hpp>
#include <sounder/rule/sgd.hpp>

#include "lanes/sim_lanes.hpp"

namespace sounder::cuda {

/// kAdds: `red`, updates are atomic adds; else `racy`, relaxed stores.
template <bool kAdds>
struct SimAccess {
  float rate = 0;

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
    if constexpr (kAdds)
      shared_cell::atomic_add<float>(cell, rule.delta(old, a, b, x));
    else
      shared_cell::put<float>(cell, rule.next(old, a, b, x));
  }
};

}  // namespace sounder::cuda
