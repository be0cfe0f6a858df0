// A user's own model: a struct in the user's file, trained through fit() in every mode, to its optimum.
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>

#include "modes/mode.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Counts y, expected to be exp(score): loss exp(score) - y * score.
struct Poisson {
  static constexpr Table<1, 0> weights{};
  static constexpr Table<1, 1> intercept{};

  static float slope(float y, float score) { return std::exp(score) - y; }
  static double value(double y, double score) { return std::exp(score) - y * score; }

  Layout layout(const Dataset& data) const {
    return Layout{{.rows = data.features(), .width = 1, .space = 0}, {.rows = 1}};
  }
  template <class V>
  void step(V& view, const Example& x) const {
    const float b = slope(x.label, view.dot(weights, x) + view.intercept());
    view.descend(weights, x, RowFactor{}, b);
    view.descend_intercept(b);
  }
  template <class V>
  double predict(V& view, const Example& x) const {
    return static_cast<double>(view.dot(weights, x)) + static_cast<double>(view.intercept());
  }
  template <class V>
  double loss(V& view, const Example& x) const {
    return value(static_cast<double>(x.label), predict(view, x));
  }
  template <class F>
  void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids ? x.ids[j] : j);
  }
};

/// Numbers y with outliers: squared error up to 1, absolute beyond (Huber 1964). No touches(): not for `locked`.
struct Huber {
  static constexpr Table<1, 0> weights{};
  static constexpr Table<1, 1> intercept{};

  static float slope(float y, float score) { return std::clamp(score - y, -1.f, 1.f); }
  static double value(double y, double score) {
    const double error = std::abs(score - y);
    return error <= 1 ? error * error / 2 : error - 0.5;
  }

  Layout layout(const Dataset& data) const { return Poisson{}.layout(data); }
  template <class V>
  void step(V& view, const Example& x) const {
    const float b = slope(x.label, view.dot(weights, x) + view.intercept());
    view.descend(weights, x, RowFactor{}, b);
    view.descend_intercept(b);
  }
  template <class V>
  double predict(V& view, const Example& x) const {
    return static_cast<double>(view.dot(weights, x)) + static_cast<double>(view.intercept());
  }
  template <class V>
  double loss(V& view, const Example& x) const {
    return value(static_cast<double>(x.label), predict(view, x));
  }
};

double score_of(const std::vector<double>& w, const Example& x) {
  double score = w.back();
  for (std::uint32_t j = 0; j < x.size; ++j) score += w[x.ids[j]] * static_cast<double>(x.values[j]);
  return score;
}

/// The least mean loss, by plain gradient descent in double on the whole set.
template <class M>
double optimum(const Dataset& data) {
  const Examples examples = data.examples();
  const double n = static_cast<double>(examples.count);
  std::vector<double> w(data.features() + 1);
  for (int iteration = 0; iteration < 600; ++iteration) {
    std::vector<double> gradient(w.size());
    for (std::size_t i = 0; i < examples.count; ++i) {
      const Example x = examples[i];
      const double slope = static_cast<double>(M::slope(x.label, static_cast<float>(score_of(w, x))));
      for (std::uint32_t j = 0; j < x.size; ++j) gradient[x.ids[j]] += slope * static_cast<double>(x.values[j]) / n;
      gradient.back() += slope / n;
    }
    for (std::size_t k = 0; k < w.size(); ++k) w[k] -= 0.4 * gradient[k];
  }
  double sum = 0;
  for (std::size_t i = 0; i < examples.count; ++i)
    sum += M::value(static_cast<double>(examples.labels[i]), score_of(w, examples[i]));
  return sum / n;
}

/// Examples of 4 of 12 features; `label(score, random)` of a known score.
template <class Label>
Dataset known_truth(Label label) {
  Random random(9);
  Columns columns;
  columns.name = "truth";
  columns.width = 4;
  for (std::size_t i = 0; i < scaled(3000, 800); ++i) {
    double score = 0.3;
    for (std::uint32_t j = 0; j < 4; ++j) {
      const auto id = static_cast<std::uint32_t>(3 * j + random.below(3));
      const double value = random.uniform();
      columns.ids.push_back(id);
      columns.values.push_back(static_cast<float>(value));
      score += value * (id % 2 ? -0.8 : 0.6);
    }
    columns.labels.push_back(static_cast<float>(label(score, random)));
  }
  return Dataset::train(std::move(columns), 1);
}

template <class M>
void reaches_optimum(const Dataset& data, double step, bool has_touches) {
  const double best = optimum<M>(data);
  for (const auto& mode : kModes)
    for (const int threads : {1, 3}) {
      if (!has_touches && mode.value != Mode::serial && shm::entry_of(mode.value).needs_touches) continue;
      CAPTURE(std::string(mode.name));
      CAPTURE(threads);
      Options options = options_for(mode.value, 25, threads);
      options.step = step;
      const auto backend = shm::make_backend(options);
      const Result result = fit(M{}, data, options, *backend);
      const double start = result.curve.front().train_loss, end = result.curve.back().train_loss;
      REQUIRE(start - best > 0.05);
      CHECK((end - best) / (start - best) < 0.02);
      CHECK(end > best - 1e-6);  // less than the optimum is a wrong loss
    }
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("own model: Poisson regression reaches its optimum in every mode") {
    reaches_optimum<Poisson>(
        known_truth([](double score, Random& random) {
          int y = 0;  // Knuth: how many uniform factors until the product is below exp(-mean)
          for (double product = random.uniform(); product > std::exp(-std::exp(score)); ++y)
            product *= random.uniform();
          return y;
        }),
        0.02, true);  // exp(score) makes single examples steep: a larger step is unstable without any thread
  }

  TEST_CASE("own model: Huber regression without touches() reaches its optimum in the modes that need none") {
    reaches_optimum<Huber>(known_truth([](double score, Random& random) {
                             return random.below(10) ? score + random.normal() / 4 : score + 20;
                           }),
                           0.2, false);
  }
}
