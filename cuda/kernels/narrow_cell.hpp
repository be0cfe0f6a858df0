// One cell of a master of floats and of a mirror of 16 bits, in an exchange.
#pragma once

#include <sounder/params/rounding.hpp>

namespace sounder::cuda {

/// Rounded at random, anew in each exchange.
struct AtRandom {
  static SOUNDER_INLINE std::uint16_t rounded(StorageName storage, float value, std::uint32_t cell, std::uint32_t seed) {
    return narrowed(storage, value, Draws::of(seed, 0).bits(cell) >> 16);
  }
};

/// Both copies as an exchange has read them, and what the last one left in them: `base` in the master, `left` in the mirror. Two values, as the
/// mirror has fewer bits; so both movements are exact.
template <class Rounding = AtRandom>
struct NarrowCell {
  StorageName storage;
  std::uint32_t cell;  ///< its number in the table
  std::uint32_t seed;  ///< of the exchange
  float base, master;
  std::uint16_t left, mirror;

  SOUNDER_INLINE bool moved() const { return master != base || mirror != left; }
  /// The mirror's movement, seen from the base of the master's.
  SOUNDER_INLINE float own() const { return base + (widened(storage, mirror) - widened(storage, left)); }
  /// The value of both copies from now on, where the merge of both movements is `merged`. Of a cell that the mirror alone moved, and that
  /// the merge moved as far, it is what the mirror holds: else it would be rounded and written anew though nobody else had touched it.
  SOUNDER_INLINE float settled(float merged) const {
    return master == base && mirror != left && merged == own() ? widened(storage, mirror) : merged;
  }
  /// What the mirror holds then, if it is `now` by now: what came to it since it was read stays there.
  SOUNDER_INLINE std::uint16_t next(float value, std::uint16_t now) const {
    const float read = widened(storage, mirror);
    if (!moved() || value == read) return now;
    return Rounding::rounded(storage, now == mirror ? value : widened(storage, now) + (value - read), cell, seed);
  }
  /// What of `next` is no movement of the mirror's own since it was read.
  SOUNDER_INLINE std::uint16_t leaves(float value, std::uint16_t next, std::uint16_t now) const {
    if (!moved() || value == widened(storage, mirror)) return mirror;
    return now == mirror ? next : Rounding::rounded(storage, value, cell, seed);
  }
};

}  // namespace sounder::cuda
