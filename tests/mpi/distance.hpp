// How far two vectors of weights are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace sounder::test {

/// The largest difference of two weights, in parts of the largest weight of `a`.
inline double distance_of(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = a.size() == b.size() ? 0 : 1e30, largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    largest = std::max(largest, std::abs(static_cast<double>(a[i])));
  }
  return difference / largest;
}

}  // namespace sounder::test
