// Linear least squares: loss (score - label)^2 / 2, labels any numbers.
#pragma once

#include <sounder/model/linear.hpp>

namespace sounder {

struct SquaredLoss {
  static constexpr const char* kName = "squared";
  static constexpr Task kTask = Task::rating;
  static constexpr double kStep = 0.5;
  static constexpr bool kBoundedSlope = false;

  static SOUNDER_INLINE float slope(float label, float score) { return score - label; }
  static double value(double label, double score) { return (score - label) * (score - label) / 2; }
  /// The number.
  static double answer(double score) { return score; }
};

using Squared = Linear<SquaredLoss>;

}  // namespace sounder
