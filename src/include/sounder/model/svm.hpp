// Linear support vector machine: hinge loss max(0, 1 - label * score), labels -1 and +1.
#pragma once

#include <algorithm>

#include <sounder/model/linear.hpp>

namespace sounder {

struct HingeLoss {
  static constexpr const char* kName = "svm";
  static constexpr Task kTask = Task::binary;
  static constexpr double kStep = 0.5;
  static constexpr bool kBoundedSlope = true;

  static SOUNDER_INLINE float slope(float label, float score) { return label * score < 1.f ? -label : 0.f; }
  static double value(double label, double score) { return std::max(0., 1 - label * score); }
  /// The class.
  static double answer(double score) { return score > 0 ? 1 : -1; }
};

using Svm = Linear<HingeLoss>;

}  // namespace sounder
