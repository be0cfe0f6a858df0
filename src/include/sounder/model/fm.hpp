// Factorization machine (Rendle 2010) for classification: logistic loss, labels -1 and +1.
#pragma once

#include <sounder/model/logistic.hpp>

namespace sounder {

namespace fm {
/// Zero weights, random factors. `factors` <= width: the slots between the factors and the weight stay 0 for ever.
void initialize(Parameters& parameters, const Dataset& data, int factors, std::uint64_t seed);
}  // namespace fm

/// score = intercept + sum_j w_j x_j + sum_{i<j} (v_i . v_j) x_i x_j, the pairs as (|sum_j x_j v_j|^2 - sum_j |x_j v_j|^2) / 2:
/// linear in the entries of an example.
///
/// A row is W floats: factors in front, the linear weight in slot W - 1, so that a feature costs one row. The sums over
/// an example's rows hold its linear score in that slot as a gift.
/// Objective: mean logistic loss + l2/2 (|w|^2 + |v|^2), the intercept excluded.
template <int W>
struct FactorizationMachine {
  static constexpr Table<W, 0> rows{};
  static constexpr Table<1, 1> intercept{};
  static constexpr Task kTask = Task::binary;
  static constexpr const char* kName = "fm";
  static constexpr double kStep = 0.5;
  static constexpr int kWeight = W - 1;

  int factors = W;                ///< floats of a row that are used, the linear weight among them
  float l2 = 0;
  const float* rarity = nullptr;  ///< examples / frequency of each row (Dataset::rarity); needed where l2 > 0

  Layout layout(const Dataset& data) const {
    return Layout{{.rows = data.features(), .width = W, .space = 0}, {.rows = 1}};
  }
  void initialize(Parameters& parameters, const Dataset& data, std::uint64_t seed) const {
    fm::initialize(parameters, data, factors, seed);
  }

  template <class V>
  SOUNDER_INLINE void step(V& view, const Example& x) const {
    auto sums = view.dot(rows, x);
    const float slope = LogisticLoss::slope(x.label, score(view, x, sums));
    sums.put(kWeight, 1.f);
    // The gradient of v_j is slope x_j (sums - x_j v_j). Its part -slope x_j^2 v_j has the form a * w, but a rule may
    // take that implicitly, dividing by 1 + rate * a, which is safe for a >= 0 only: a holds the L2 part alone.
    view.each(x, [&](std::uint32_t row, float value) {
      const auto old = view.read(rows, row);
      auto others = sums;
      others.fma(-value, old);
      others.put(kWeight, 1.f);
      view.descend(rows, row, old, l2 == 0 ? 0.f : l2 * rarity[row], slope * value, others);
    });
    view.descend_intercept(slope);
  }
  template <class V>
  SOUNDER_INLINE double loss(V& view, const Example& x) const {
    return LogisticLoss::value(static_cast<double>(x.label), predict(view, x));
  }
  template <class V>
  SOUNDER_INLINE double predict(V& view, const Example& x) const {
    auto sums = view.dot(rows, x);
    return static_cast<double>(score(view, x, sums));
  }
  template <class F>
  SOUNDER_INLINE void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids ? x.ids[j] : j);
  }
  double penalty(const Parameters& parameters) const { return linear::penalty(parameters, l2); }
  static double answer(double score) { return LogisticLoss::answer(score); }
  double default_step(const Dataset& data) const { return linear::default_step(data, kStep, l2, false); }

 private:
  /// Leaves 0 in the slot of the linear score.
  template <class V>
  SOUNDER_INLINE auto score(V& view, const Example& x, typename V::template Sums<W>& sums) const {
    typename V::template Sums<W> squares{};
    view.each(x, [&](std::uint32_t row, float value) { squares.fma_square(value, view.read(rows, row)); });
    const typename V::Scalar linear = sums.get(kWeight);
    sums.put(kWeight, 0);
    squares.put(kWeight, 0);
    return linear + static_cast<typename V::Scalar>(view.intercept()) + (dot(sums, sums) - sum(squares)) / 2;
  }
};

}  // namespace sounder
