// Cells of 16 bits, and how a float becomes one: rounded at random, so that what is below their last bit is kept on average.
// The same code for CPU threads and GPUs.
#pragma once

#include <bit>
#include <cstdint>

#include <sounder/params/lanes.hpp>

namespace sounder {

/// How a cell is stored. bf16: the exponents of a float, 8 significant bits. f16: IEEE's binary16, 11 significant bits, up to 65504.
enum class StorageName { f32, bf16, f16 };

inline namespace SOUNDER_ISA {

/// 32 well mixed bits of a number: lowbias32 of Wellons' hash-prospector.
SOUNDER_INLINE std::uint32_t mixed(std::uint32_t x) {
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}

/// Random bits by counting: no two draws of a worker have the same key until 2^32 of them.
struct Draws {
  std::uint32_t key = 0;

  /// `seed`: another one for each time that the worker is started.
  static SOUNDER_INLINE Draws of(std::uint32_t seed, std::uint32_t worker) { return {mixed(mixed(seed) ^ worker)}; }
  SOUNDER_INLINE void next() { key += 0x85ebca77u; }
  /// For cells 2 * pair (the lower half) and 2 * pair + 1. Two pairs share a hash, from which the second's bits are mixed on.
  SOUNDER_INLINE std::uint32_t bits(std::uint32_t pair) const {
    const std::uint32_t first = mixed(key + (pair >> 1) * 0x9e3779b9u), second = first * 0x2c1b3c6du;
    return pair & 1 ? second ^ second >> 16 : first;
  }
};

/// The float that a cell of 16 bits stands for.
SOUNDER_INLINE float widened(StorageName storage, std::uint16_t cell) {
  if (storage == StorageName::bf16) return std::bit_cast<float>(static_cast<std::uint32_t>(cell) << 16);
  const std::uint32_t sign = (cell & 0x8000u) << 16, rest = (cell & 0x7fffu) << 13;
  const auto scaled = std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) * 0x1p112f);  // the exponent's other bias; exact
  return std::bit_cast<float>(sign | scaled | (rest >= 0x0f800000u ? 0x7f800000u : 0u));    // infinity and NaN stay what they are
}

/// One of the two cells beside x, the nearer one so much more often that the mean is x; `random`: 16 bits, all values as likely. A float that a cell
/// can hold is kept. What is too large for f16 becomes infinite.
SOUNDER_INLINE std::uint16_t narrowed(StorageName storage, float x, std::uint32_t random) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t size = bits & 0x7fffffffu, sign = bits >> 16 & 0x8000u;
  const bool nan = size > 0x7f800000u;
  if (storage == StorageName::bf16) return static_cast<std::uint16_t>(nan ? 0x7fc0u : (bits + random) >> 16);
  // Below 2^-14 steps no longer shrink: 2^-14 is added, in whose binade they are those of f16, and taken away again.
  const bool small = size < 0x38800000u;
  const std::uint32_t from = small ? std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0x1p-14f) : size;
  const std::uint32_t steps = ((from + (random >> 3)) >> 13) - (small ? 113u << 10 : 112u << 10);
  return static_cast<std::uint16_t>(nan ? 0x7e00u : sign | (steps < 0x7c00u ? steps : 0x7c00u));
}

/// The nearest cell, of two as near the even one: as conversions and memory of a GPU do it.
SOUNDER_INLINE std::uint16_t nearest(StorageName storage, float x) {
  const auto odd = static_cast<std::uint32_t>(narrowed(storage, x, 0) & 1);  // where all bits are rounded off
  return narrowed(storage, x, storage == StorageName::bf16 ? 0x7fffu + odd : (0xfffu + odd) << 3);
}

/// What is added to a cell that holds `old` so that it becomes narrowed(next, random). Where both are of one binade it is whole steps of the
/// last bit, so that memory's sum is exact, also of a cell that others have moved meanwhile within its binade; elsewhere the nearest cell to that.
SOUNDER_INLINE std::uint16_t narrowed_change(StorageName storage, float old, float next, std::uint32_t random) {
  return nearest(storage, widened(storage, narrowed(storage, next, random)) - old);
}

}  // namespace SOUNDER_ISA
}  // namespace sounder
