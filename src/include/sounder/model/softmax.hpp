// Softmax (multinomial logistic) regression: one linear score a class, labels 0 to classes - 1.
#pragma once

#include <sounder/model/cross_entropy.hpp>
#include <sounder/model/linear.hpp>

namespace sounder {

/// A row holds the weights of one feature for all classes, padded to W: a feature costs one row, not one a class.
/// Objective: mean cross-entropy + l2/2 ||w||^2, the intercept (a row too) excluded.
template <int W>
struct Softmax {
  static constexpr Table<W, 0> weights{};
  static constexpr Table<W, 1> intercept{};
  static constexpr Task kTask = Task::multiclass;
  static constexpr const char* kName = "softmax";
  static constexpr double kStep = 0.5;

  int classes = W;
  const float* labels = nullptr;  ///< of the classes in the input (Dataset::classes)
  float l2 = 0;
  const float* rarity = nullptr;  ///< examples / frequency of each row (Dataset::rarity); needed where l2 > 0

  Layout layout(const Dataset& data) const { return linear::layout(data, W); }

  template <class V>
  SOUNDER_INLINE auto scores(V& view, const Example& x) const {
    auto scores = view.dot(weights, x);
    scores.fma(1.f, view.intercept());
    return scores;
  }
  template <class V>
  SOUNDER_INLINE void step(V& view, const Example& x) const {
    const auto gradient = cross_entropy::gradient(scores(view, x), classes, x.label);
    view.descend(weights, x, RowFactor{l2, rarity}, gradient);
    view.descend_intercept(gradient);
  }
  template <class V>
  SOUNDER_INLINE double loss(V& view, const Example& x) const {
    return cross_entropy::loss(scores(view, x), classes, x.label);
  }
  template <class V>
  SOUNDER_INLINE double predict(V& view, const Example& x) const {
    return cross_entropy::best(scores(view, x), classes);
  }
  template <class F>
  SOUNDER_INLINE void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids ? x.ids[j] : j);
  }
  /// The label of the class in the input.
  double answer(double prediction) const { return static_cast<double>(labels[static_cast<std::size_t>(prediction)]); }
  double penalty(const Parameters& parameters) const { return linear::penalty(parameters, l2); }
  double default_step(const Dataset& data) const { return linear::default_step(data, kStep, l2); }
};

}  // namespace sounder
