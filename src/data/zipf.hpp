// Private to the generators: draws from a Zipf-Mandelbrot law, in constant time each.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <sounder/data/random.hpp>

namespace sounder {

/// Item j of `size` is drawn with a rate proportional to ((1 + b) / (1 + b + j))^exponent.
class Zipf {
 public:
  /// Finds b so that item 0 has the rate `hottest` and the sum of `measure(rate)` over all items is `total`.
  /// `measure` must not fall, and measure(hottest) < total < size * measure(hottest).
  Zipf(std::uint32_t size, double exponent, double hottest, double total, const std::function<double(double)>& measure);

  std::uint32_t draw(Random& random) const;
  double rate(std::uint32_t j) const;
  double total_rate() const { return total_rate_; }

 private:
  /// Walker's alias method: slot k yields k, or its alias with the rest of the probability.
  struct Slot {
    std::uint32_t keep;  ///< in units of 2^-32
    std::uint32_t alias;
  };

  double exponent_, hottest_, shift_ = 1, total_rate_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace sounder
