// Fitting the law by bisection, and its alias table.
#include "zipf.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace sounder {

Zipf::Zipf(std::uint32_t size, double exponent, double hottest, double total,
           const std::function<double(double)>& measure)
    : exponent_(exponent), hottest_(hottest) {
  // The sum over items, exact where the law is steep, in ever longer steps where it is flat.
  const auto sum = [&] {
    double result = 0;
    for (double j = 0; j < size;) {
      const double step = std::min(std::max(1.0, std::floor(j / 32)), size - j), middle = j + (step - 1) / 2;
      result += step * measure(hottest_ * std::pow(shift_ / (shift_ + middle), exponent_));
      j += step;
    }
    return result;
  };
  double low = std::log(1e-9), high = std::log(1e15);  // of 1 + b
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    shift_ = std::exp(middle);
    (sum() < total ? low : high) = middle;
  }

  std::vector<double> rates(size);
  for (std::uint32_t j = 0; j < size; ++j) total_rate_ += rates[j] = rate(j);
  // Vose, 1991. Slots below the mean take their rest from one above it.
  slots_.resize(size);
  const double scale = size / total_rate_;
  std::vector<std::uint32_t> below, above;
  for (std::uint32_t j = 0; j < size; ++j) ((rates[j] *= scale) < 1 ? below : above).push_back(j);
  const auto units = [](double share) { return static_cast<std::uint32_t>(std::min(share * 0x1p32, 0x1p32 - 1)); };
  while (!below.empty() && !above.empty()) {
    const std::uint32_t small = below.back(), large = above.back();
    below.pop_back();
    slots_[small] = {units(rates[small]), large};
    rates[large] -= 1 - rates[small];
    if (rates[large] < 1) {
      above.pop_back();
      below.push_back(large);
    }
  }
  for (const auto& rest : {below, above})  // exactly 1, but for rounding
    for (const std::uint32_t j : rest) slots_[j] = {0xffffffffu, j};
}

double Zipf::rate(std::uint32_t j) const { return hottest_ * std::pow(shift_ / (shift_ + j), exponent_); }

std::uint32_t Zipf::draw(Random& random) const {
  const std::uint64_t bits = random.next();
  const auto slot = static_cast<std::uint32_t>((bits >> 32) * slots_.size() >> 32);
  return static_cast<std::uint32_t>(bits) < slots_[slot].keep ? slot : slots_[slot].alias;
}

}  // namespace sounder
