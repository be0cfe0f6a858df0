// Exchanges of a block between master and mirror, as a simulated group of lanes does them.
#pragma once

#include "device/device.hpp"
#include "kernels/narrow_cell.hpp"
#include "kernels/sim_access.hpp"
#include "lanes/sim_lanes.hpp"

namespace sounder::cuda {

using ExchangeLanes = SimLanes<static_cast<int>(kBlockFloats) / 4>;
static_assert(ExchangeLanes::kStrip == static_cast<int>(kBlockFloats));  // a block is one strip

/// Both copies are floats.
struct SimExchange {
  using F = ExchangeLanes::F;
  using Access = SimAccess<true>;
  float* master;
  float* mirror;

  F load(const float* p) const { return Access{}.get<F>(p); }
  void store(float* p, const F& f) const {
    for (int i = 0; i < ExchangeLanes::kStrip; ++i) shared_cell::put<float>(p + i, f.v[i]);
  }
  F shared(int at) const { return load(master + at); }
  F own(int at) const { return load(mirror + at); }
  void settle(int at, const F& own, const F& merged) const {
    store(master + at, merged);
    Access{}.add(mirror + at, merged - own);  // what has come to the mirror since it was read stays there
  }
};

/// The mirror has 16 bits a cell. All is read when it is made.
template <class Rounding = AtRandom>
struct SimNarrowExchange {
  using F = ExchangeLanes::F;
  const Exchanged& what;
  std::size_t first;  ///< cell
  GuardedSumBlock& kept;
  NarrowCell<Rounding> cells[kBlockFloats];

  SimNarrowExchange(const Exchanged& exchanged, std::size_t block) : what(exchanged), first(block * kBlockFloats), kept(what.blocks[block]) {
    for (std::size_t i = 0; i < kBlockFloats; ++i)
      cells[i] = {what.storage, static_cast<std::uint32_t>(first + i), what.seed, kept.base[i], shared_cell::get<float>(what.master + first + i),
                  what.left[first + i], shared_half::get(mirror() + i)};
  }
  F load(const float* p) const { return ExchangeLanes::load(p); }
  void store(float* p, const F& f) const { std::copy_n(f.v, kBlockFloats, p); }
  F shared(int) const {
    return each([](const auto& cell) { return cell.master; });
  }
  F own(int) const {
    return each([](const auto& cell) { return cell.own(); });
  }
  void settle(int, const F&, const F& merged) const {
    for (std::size_t i = 0; i < kBlockFloats; ++i) {
      const float value = kept.base[i] = cells[i].settled(merged.v[i]);
      if (value != cells[i].master) shared_cell::put<float>(what.master + first + i, value);
      const std::uint16_t now = shared_half::get(mirror() + i), next = cells[i].next(value, now);
      if (next != now) shared_half::put(mirror() + i, next);
      what.left[first + i] = cells[i].leaves(value, next, now);
    }
  }

 private:
  std::uint16_t* mirror() const { return reinterpret_cast<std::uint16_t*>(what.mirror) + first; }
  template <class Function>
  F each(Function f) const {
    F values;
    for (std::size_t i = 0; i < kBlockFloats; ++i) values.v[i] = f(cells[i]);
    return values;
  }
};

/// Exchanges block after block.
template <class Rounding = AtRandom>
void play_reconcile(const Exchanged& what) {
  for (std::size_t block = what.first; block < what.last; ++block) {
    GuardedSumBlock& kept = what.blocks[block];
    if (what.storage == StorageName::f32)
      merge_block<ExchangeLanes>(SimExchange{what.master + block * kBlockFloats, what.mirror + block * kBlockFloats}, kept, nullptr, what.rule, what.share);
    else
      merge_block<ExchangeLanes>(SimNarrowExchange<Rounding>(what, block), kept, nullptr, what.rule, what.share);
  }
}

/// mirror = master, as both bases.
template <class Rounding = AtRandom>
void play_refresh(const Exchanged& what) {
  for (std::size_t i = what.first * kBlockFloats; i < what.last * kBlockFloats; ++i) {
    const float x = what.blocks[i / kBlockFloats].base[i % kBlockFloats] = shared_cell::get<float>(what.master + i);
    if (what.storage == StorageName::f32) {
      shared_cell::put<float>(what.mirror + i, x);
    } else {
      what.left[i] = Rounding::rounded(what.storage, x, static_cast<std::uint32_t>(i), what.seed);
      shared_half::put(reinterpret_cast<std::uint16_t*>(what.mirror) + i, what.left[i]);
    }
  }
}

}  // namespace sounder::cuda
