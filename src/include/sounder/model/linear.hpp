// Linear models: everything but the loss, which is two scalar functions.
#pragma once

#include <cmath>

#include <sounder/model/model.hpp>

namespace sounder {

/// Helpers of all linear models, not templates on purpose: one copy in the library.
namespace linear {
/// A row of `width` floats a feature, and one for the intercept.
Layout layout(const Dataset& data, int width = 1);
/// l2 / 2 * ||w||^2 of table 0, which leaves out the intercept, in double precision.
double penalty(const Parameters& parameters, float l2);
/// The smaller of steps / (mean squared length of the examples), by the curvature of the loss, and 1 / (l2 * examples),
/// by that of the penalty (as Pegasos, Shalev-Shwartz et al. 2007, after one epoch): with it, strong L2 converges in
/// one to three epochs on all shared sets, where the first alone takes more than ten. Where the slope of the loss is
/// not bounded, also at most 1 / (squared length of the longest example): more would overshoot on it, ever farther.
double default_step(const Dataset& data, double steps, float l2, bool bounded_slope = true);
}  // namespace linear

/// score = w . x + intercept. Objective: mean loss + l2/2 ||w||^2, the intercept excluded.
/// `Loss` gives slope(label, score), the derivative in the score, value(label, score), and what its names say.
template <class Loss>
struct Linear {
  static constexpr Table<1, 0> weights{};
  static constexpr Table<1, 1> intercept{};
  static constexpr Task kTask = Loss::kTask;
  static constexpr const char* kName = Loss::kName;

  float l2 = 0;
  const float* rarity = nullptr;  ///< examples / frequency of each row (Dataset::rarity); needed where l2 > 0

  Linear() = default;
  explicit Linear(const Dataset& data, double l2_ = 0) : l2(static_cast<float>(l2_)), rarity(data.rarity().data()) {}

  Layout layout(const Dataset& data) const { return linear::layout(data); }

  template <class V>
  SOUNDER_INLINE void step(V& view, const Example& x) const {
    const float slope = Loss::slope(x.label, view.dot(weights, x) + view.intercept());
    view.descend(weights, x, RowFactor{l2, rarity}, slope);
    view.descend_intercept(slope);
  }
  template <class V>
  SOUNDER_INLINE double loss(V& view, const Example& x) const {
    return Loss::value(static_cast<double>(x.label), predict(view, x));
  }
  template <class V>
  SOUNDER_INLINE double predict(V& view, const Example& x) const {
    return static_cast<double>(view.dot(weights, x)) + static_cast<double>(view.intercept());
  }
  template <class F>
  SOUNDER_INLINE void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids ? x.ids[j] : j);
  }
  double penalty(const Parameters& parameters) const { return linear::penalty(parameters, l2); }
  static double answer(double score) { return Loss::answer(score); }
  double default_step(const Dataset& data) const { return linear::default_step(data, Loss::kStep, l2, Loss::kBoundedSlope); }
};

}  // namespace sounder
