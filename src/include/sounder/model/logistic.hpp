// Logistic regression: loss log(1 + exp(-label * score)), labels -1 and +1.
#pragma once

#include <sounder/model/linear.hpp>

namespace sounder {

struct LogisticLoss {
  static constexpr const char* kName = "logistic";
  static constexpr Task kTask = Task::binary;
  static constexpr double kStep = 2;
  static constexpr bool kBoundedSlope = true;

  static SOUNDER_INLINE float slope(float label, float score) { return -label / (1.f + std::exp(label * score)); }
  static double value(double label, double score) {
    const double margin = label * score;
    return margin > 0 ? std::log1p(std::exp(-margin)) : std::log1p(std::exp(margin)) - margin;
  }
  /// The probability of label +1.
  static double answer(double score) { return 1 / (1 + std::exp(-score)); }
};

using Logistic = Linear<LogisticLoss>;

}  // namespace sounder
