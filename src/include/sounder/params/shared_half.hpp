// shared_cell for cells of 16 bits, which only GPUs train on: here where a thread plays one.
#pragma once

#include <atomic>
#include <cstdint>

#include <sounder/params/rounding.hpp>

namespace sounder::shared_half {

// Written by: any worker, at any time. Read by: any worker, at any time. Order: relaxed; a cell carries no other data with it.
inline std::uint16_t get(const std::uint16_t* cell) { return std::atomic_ref(const_cast<std::uint16_t&>(*cell)).load(std::memory_order_relaxed); }
inline void put(std::uint16_t* cell, std::uint16_t value) { std::atomic_ref(*cell).store(value, std::memory_order_relaxed); }
/// The sum is rounded to the nearest cell, as memory does it on a GPU. No change is lost.
inline void add(StorageName storage, std::uint16_t* cell, std::uint16_t change) {
  const std::atomic_ref shared(*cell);
  std::uint16_t old = shared.load(std::memory_order_relaxed);
  while (!shared.compare_exchange_weak(old, nearest(storage, widened(storage, old) + widened(storage, change)), std::memory_order_relaxed)) {
  }
}

}  // namespace sounder::shared_half
