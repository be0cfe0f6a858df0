// Random numbers that are a function of (seed, stream, counter): the same on any machine, thread or rank.
#pragma once

#include <array>
#include <cstdint>

namespace sounder {

/// A counter-based generator (Philox4x32-10; Salmon et al., SC 2011, by Random123).
/// Two generators with different (seed, stream) are independent; copies repeat each other.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  std::uint64_t next();
  /// A whole number in [0, bound), without modulo bias. `bound` > 0.
  std::uint64_t below(std::uint64_t bound);
  /// In [0, 1).
  double uniform();
  /// Standard normal (Box-Muller).
  double normal();

 private:
  std::uint64_t seed_, stream_, counter_ = 0;
  std::array<std::uint64_t, 2> block_{};
  int left_ = 0;
};

}  // namespace sounder
