// The only place where a shared cell is read or written without a lock. See docs/memory-model.md.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>

#include <sounder/params/lanes.hpp>

namespace sounder::shared_cell {

// Written by: any worker, at any time. Read by: any worker, at any time. Order: relaxed; a cell carries no
// other data with it. Enough because every 4-byte lane is written whole: a reader sees some worker's value.
// `volatile` compiles to the same moves as the relaxed form and keeps full vector width on dense rows, which
// no compiler gives atomic_ref (docs/adr/0002); the two forms are held equal by tests/params/shared_cell_test.cpp.
#if SOUNDER_ATOMIC_CELLS
template <class V>
SOUNDER_INLINE V get(const float* cell) {
  std::array<float, sizeof(V) / sizeof(float)> lanes;
  for (std::size_t i = 0; i < lanes.size(); ++i)
    lanes[i] = std::atomic_ref<float>(const_cast<float&>(cell[i])).load(std::memory_order_relaxed);
  return std::bit_cast<V>(lanes);
}
template <class V>
SOUNDER_INLINE void put(float* cell, V value) {
  const auto lanes = std::bit_cast<std::array<float, sizeof(V) / sizeof(float)>>(value);
  for (std::size_t i = 0; i < lanes.size(); ++i)
    std::atomic_ref<float>(cell[i]).store(lanes[i], std::memory_order_relaxed);
}
#else
template <class V>
SOUNDER_INLINE V get(const float* cell) {
  typedef V Strip __attribute__((may_alias));
  return *reinterpret_cast<const volatile Strip*>(cell);
}
template <class V>
SOUNDER_INLINE void put(float* cell, V value) {
  typedef V Strip __attribute__((may_alias));
  *reinterpret_cast<volatile Strip*>(cell) = value;
}
#endif

/// Adds without losing any concurrent add: a compare-and-swap loop on each lane.
template <class V>
SOUNDER_INLINE void atomic_add(float* cell, V delta) {
  const auto lanes = std::bit_cast<std::array<float, sizeof(V) / sizeof(float)>>(delta);
  for (std::size_t i = 0; i < lanes.size(); ++i)
    std::atomic_ref<float>(cell[i]).fetch_add(lanes[i], std::memory_order_relaxed);
}

}  // namespace sounder::shared_cell
