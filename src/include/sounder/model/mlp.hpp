// Multilayer perceptron: one hidden layer of rectified linear units, then softmax; dense or sparse examples.
#pragma once

#include <cstdint>

#include <sounder/model/cross_entropy.hpp>
#include <sounder/model/model.hpp>

namespace sounder {

namespace mlp {
inline constexpr int kClasses = 16;  ///< most classes: a row of the output layer
inline constexpr double kStep = 1;   ///< times 1 / (mean squared length of the examples)
/// Tables: inputs x hidden, hidden bias, (hidden + 1) x classes with the output bias as the last row.
Layout layout(const Dataset& data, int width);
/// Normal weights of variance 2 / (mean squared length of what a unit is fed), biases 0 (He et al. 2015, who take that
/// length to be the number of inputs). A row depends on the seed and its original id only. Units from `hidden` on stay
/// 0 for ever: nothing comes out of them, so nothing comes back.
void initialize(Parameters& parameters, const Dataset& data, int hidden, std::uint64_t seed);
/// l2 / 2 * (|inputs x hidden|^2 + |hidden x classes|^2), the biases excluded.
double penalty(const Parameters& parameters, float l2);
double default_step(const Dataset& data);
}  // namespace mlp

/// scores = outputs^T relu(inputs^T x + hidden bias) + output bias; W units. A row of `inputs` holds the weights of one
/// feature to all units, a row of `outputs` those of one unit to all classes, so that both layers are sums of rows.
/// Objective: mean cross-entropy + l2/2 of the squared weights without biases.
///
/// The hidden bias is thinned like an intercept: on sparse examples it would be the one hot row of its layer. The output
/// bias is not, as every example touches all of its layer anyway.
template <int W>
struct Mlp {
  static constexpr Table<W, 0> inputs{};
  static constexpr Table<W, 1> intercept{};
  static constexpr Table<mlp::kClasses, 2> outputs{};
  static constexpr Task kTask = Task::multiclass;
  static constexpr const char* kName = "mlp";
  /// As many as keep their sums in vector registers: 4 x 64 floats are half of AVX-512's.
  static constexpr int kTile = W >= 128 ? 2 : W >= 64 ? 4 : 8;

  int classes = mlp::kClasses;
  const float* labels = nullptr;  ///< of the classes in the input (Dataset::classes)
  int hidden = W;
  bool tile = false;              ///< step on kTile examples at once where the access allows it
  float l2 = 0;
  const float* rarity = nullptr;  ///< examples / frequency of each row (Dataset::rarity); needed where l2 > 0

  Layout layout(const Dataset& data) const { return mlp::layout(data, W); }
  void initialize(Parameters& parameters, const Dataset& data, std::uint64_t seed) const {
    mlp::initialize(parameters, data, hidden, seed);
  }

  template <class V>
  SOUNDER_INLINE void step(V& view, const Example& x) const {
    Forward<V> f;
    f.units = view.dot(inputs, x) + view.intercept();
    f.scores = view.read(outputs, W);
    f.activate();
    for (std::uint32_t unit = 0; unit < W; ++unit) f.scores.fma(f.active[unit], view.read(outputs, unit));
    f.scores = cross_entropy::gradient(f.scores, classes, x.label);  // from here on the gradient in the scores
    for (std::uint32_t unit = 0; unit < W; ++unit) {
      const auto row = view.read(outputs, unit);
      f.back[unit] = view.dot(row, f.scores);
      view.descend(outputs, unit, row, l2, f.active[unit], f.scores);
    }
    view.descend(outputs, W, view.read(outputs, W), 0.f, 1.f, f.scores);
    const auto gradient = f.gradient();
    view.descend(inputs, x, RowFactor{l2, rarity}, gradient);
    view.descend_intercept(gradient);
  }

  /// kTile dense examples at once: each row is read and written once for all of them, which is what makes it twice as
  /// fast. All kTile gradients are taken at the parameters as they were before, and added up: a tiny batch, so to first
  /// order, but not to the bit, what as many single steps do.
  template <class V>
  SOUNDER_INLINE void step_tile(V& view, const Example* x) const {
    if (x[0].ids) {  // sparse examples share few rows
      for (int e = 0; e < kTile; ++e) step(view, x[e]);
      return;
    }
    using Units = typename V::template Row<W>;
    using Scores = typename V::template Row<mlp::kClasses>;
    Forward<V> f[kTile];
    SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) f[e].units = view.intercept();
    {
      Units sums[kTile];
      SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) sums[e] = f[e].units;
      for (std::uint32_t row = 0; row < x[0].size; ++row) {
        const auto w = view.read(inputs, row);
        SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) sums[e].fma(x[e].values[row], w);
      }
      SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) f[e].units = sums[e];
    }
    {
      Scores sums[kTile];
      const auto bias = view.read(outputs, W);
      SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) f[e].activate(), sums[e] = bias;
      for (std::uint32_t unit = 0; unit < W; ++unit) {
        const auto w = view.read(outputs, unit);
        SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) sums[e].fma(f[e].active[unit], w);
      }
      auto all = Scores::zero();
      SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) {
        f[e].scores = cross_entropy::gradient(sums[e], classes, x[e].label);
        all = all + f[e].scores;
      }
      for (std::uint32_t unit = 0; unit < W; ++unit) {
        const auto w = view.read(outputs, unit);
        auto gradient = Scores::zero();
        SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) {
          f[e].back[unit] = view.dot(w, f[e].scores);
          gradient.fma(f[e].active[unit], f[e].scores);
        }
        view.descend(outputs, unit, w, kTile * l2, 1.f, gradient);
      }
      view.descend(outputs, W, bias, 0.f, 1.f, all);
    }
    Units back[kTile];
    auto all = Units::zero();
    SOUNDER_UNROLL for (int e = 0; e < kTile; ++e) back[e] = f[e].gradient(), all = all + back[e];
    for (std::uint32_t row = 0; row < x[0].size; ++row) {
      auto gradient = x[0].values[row] * back[0];
      SOUNDER_UNROLL for (int e = 1; e < kTile; ++e) gradient.fma(x[e].values[row], back[e]);
      view.descend(inputs, row, view.read(inputs, row), kTile * l2, 1.f, gradient);
    }
    view.descend_intercept(all);
  }

  template <class V>
  SOUNDER_INLINE auto scores(V& view, const Example& x) const {
    auto units = view.dot(inputs, x);
    units.fma(1.f, view.intercept());
    typename V::template Sums<mlp::kClasses> scores{};
    scores.fma(1.f, view.read(outputs, W));
    for (int unit = 0; unit < W; ++unit)
      if (const auto active = units.get(unit); active > 0) scores.fma(active, view.read(outputs, static_cast<std::uint32_t>(unit)));
    return scores;
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
    for (std::uint32_t row = 0; row <= W; ++row) f(2, row);
  }
  /// The label of the class in the input.
  double answer(double prediction) const { return static_cast<double>(labels[static_cast<std::size_t>(prediction)]); }
  double penalty(const Parameters& parameters) const { return mlp::penalty(parameters, l2); }
  double default_step(const Dataset& data) const { return mlp::default_step(data); }

 private:
  /// What one example sends forward and gets back.
  template <class V>
  struct Forward {
    typename V::template Row<W> units;
    typename V::template Row<mlp::kClasses> scores;
    alignas(64) float active[W];  ///< relu(units), one by one
    alignas(64) float back[W];    ///< the gradient in `active`

    SOUNDER_INLINE void activate() { where_positive(units, units).store(active); }
    /// The gradient in the units.
    SOUNDER_INLINE auto gradient() const { return where_positive(units, V::template Row<W>::load(back)); }
  };
};

}  // namespace sounder
