// Multilayer perceptron: what a linear model cannot tell; tiles; start values.
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>
#include <sounder/model/mlp.hpp>
#include <sounder/train/evaluate.hpp>

#include "model/gradient.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Class 1 where two signs agree, which no linear model can tell.
Columns agreement(bool classes) {
  Random random(3);
  Columns columns;
  columns.name = "agreement";
  columns.width = 2;
  if (classes) columns.classes = {0, 1};
  for (int i = 0; i < 800; ++i) {
    const double a = random.below(2) ? 1 : -1, b = random.below(2) ? 1 : -1;
    columns.values.push_back(static_cast<float>(a + random.normal() / 10));
    columns.values.push_back(static_cast<float>(b + random.normal() / 10));
    columns.labels.push_back(a == b ? 1.f : classes ? 0.f : -1.f);
  }
  return columns;
}

/// The gradient comes back through units that were not active, too.
struct Leaky : Mlp<16> {
  template <class V>
  void step(V& view, const Example& x) const {
    const auto units = view.dot(inputs, x) + view.intercept();
    alignas(64) float active[16], back[16];
    where_positive(units, units).store(active);
    auto scores = view.read(outputs, 16);
    for (std::uint32_t unit = 0; unit < 16; ++unit) scores.fma(active[unit], view.read(outputs, unit));
    const auto gradient = cross_entropy::gradient(scores, classes, x.label);
    for (std::uint32_t unit = 0; unit < 16; ++unit) {
      const auto row = view.read(outputs, unit);
      back[unit] = view.dot(row, gradient);
      view.descend(outputs, unit, row, 0.f, active[unit], gradient);
    }
    view.descend(outputs, 16, view.read(outputs, 16), 0.f, 1.f, gradient);
    view.descend(inputs, x, RowFactor{}, V::template Row<16>::load(back));
  }
};

/// The weights after steps of a small rate on examples [0, examples), from the start values.
std::vector<float> weights_after(const Kernel& kernel, const Dataset& data, std::size_t first, std::size_t last) {
  Parameters parameters(kernel.layout);
  kernel.initialize(parameters, 1);
  kernel.step_of(AccessKind::relaxed)(kernel.model.get(), {.cells = parameters.cells(), .rate = 0x1p-10f}, data.examples(),
                                      first, last);
  return weights_of(parameters);
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("mlp: learns what no linear model can, in every mode, per example and in tiles") {
    const Dataset data = Dataset::train(agreement(true), 1);
    SerialTeam alone;
    const auto accuracy = [&](const ModelOptions& model, Mode mode) {
      const Kernel kernel = builtin_kernel(model, data);
      Options options = options_for(mode, 20, 2);
      options.step = 0.1;
      return evaluate(kernel, train(kernel, data, options).parameters, data, alone).metric;
    };
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      for (const bool tile : {false, true})
        CHECK(accuracy({.model = ModelName::mlp, .hidden = 20, .tile = tile}, mode.value) == 1);
      CHECK(accuracy({.model = ModelName::softmax}, mode.value) < 0.8);  // three of four corners at best
    }
  }

  TEST_CASE("mlp: a tile moves the weights by the sum of what its examples do alone, from the same start") {
    const Dataset data = Dataset::train(agreement(true), 1);
    for (const auto& [hidden, tile] : {std::pair{16, 8}, {32, 8}, {64, 4}, {128, 2}}) {
      CAPTURE(hidden);
      const Kernel one = builtin_kernel({.model = ModelName::mlp, .hidden = hidden}, data);
      const Kernel tiles = builtin_kernel({.model = ModelName::mlp, .hidden = hidden, .tile = true}, data);
      const std::vector<float> start = weights_after(one, data, 0, 0);
      std::vector<double> sum(start.size());
      for (std::size_t i = 0; i < static_cast<std::size_t>(tile); ++i) {
        const std::vector<float> after = weights_after(one, data, i, i + 1);
        for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += static_cast<double>(after[k]) - static_cast<double>(start[k]);
      }
      const std::vector<float> after = weights_after(tiles, data, 0, static_cast<std::size_t>(tile));
      double worst = 0, most = 0;
      for (std::size_t k = 0; k < sum.size(); ++k) {
        worst = std::max(worst, std::abs(static_cast<double>(after[k]) - static_cast<double>(start[k]) - sum[k]));
        most = std::max(most, std::abs(sum[k]));
      }
      CHECK(worst < 1e-6);
      CHECK(most > 1e-4);
      // What is left of a piece steps alone, and without tiles every example does.
      CHECK(weights_after(tiles, data, 0, 1) == weights_after(one, data, 0, 1));
      CHECK(weights_after(tiles, data, 0, static_cast<std::size_t>(tile)) != weights_after(one, data, 0, static_cast<std::size_t>(tile)));
    }
  }

  TEST_CASE("mlp: under locks there are no tiles") {
    const Dataset data = Dataset::train(agreement(true), 1);
    const auto digest_of = [&](Mode mode, bool tile) {
      return train(builtin_kernel({.model = ModelName::mlp, .tile = tile}, data), data, options_for(mode, 2)).digest;
    };
    CHECK(digest_of(Mode::locked, true) == digest_of(Mode::serial, false));
    CHECK(digest_of(Mode::serial, true) != digest_of(Mode::serial, false));
  }

  TEST_CASE("mlp: units and classes that are not there stay exactly 0; the start has the spread of He et al.") {
    const Dataset data = small_set(ModelName::mlp);  // examples of length 1
    const Kernel kernel = builtin_kernel({.model = ModelName::mlp, .l2 = 1e-3, .hidden = 20}, data);
    const Result result = train(kernel, data, options_for(Mode::hogwild, 2, 2));
    std::size_t strays = 0;
    for (std::size_t row = 0; row < data.features(); ++row)
      for (std::size_t k = 20; k < 32; ++k) strays += result.parameters.row(0, row)[k] != 0;
    for (std::size_t unit = 0; unit <= 32; ++unit)
      for (std::size_t k = 0; k < 16; ++k) strays += (k >= 3 || (unit >= 20 && unit < 32)) && result.parameters.row(2, unit)[k] != 0;
    CHECK(strays == 0);

    Parameters start(kernel.layout);
    kernel.initialize(start, 1);
    double squares = 0;
    for (std::size_t row = 0; row < data.features(); ++row)
      for (std::size_t k = 0; k < 20; ++k) squares += std::pow(static_cast<double>(start.row(0, row)[k]), 2);
    CHECK(squares / static_cast<double>(20 * data.features()) == doctest::Approx(2).epsilon(0.05));
  }

  TEST_CASE("mlp: hidden units out of range, and labels that are no classes, are refused") {
    const Dataset data = small_set(ModelName::mlp);
    for (const int hidden : {-1, 0, 129}) CHECK_THROWS_AS(builtin_kernel({.model = ModelName::mlp, .hidden = hidden}, data), Error);
    for (const int hidden : {1, 128}) CHECK_NOTHROW(builtin_kernel({.model = ModelName::mlp, .hidden = hidden}, data));
    CHECK_THROWS_AS(builtin_kernel({.model = ModelName::mlp}, small_set(ModelName::logistic)), Error);
  }

  TEST_CASE("mutant: a gradient through inactive units is found by the gradient check") {
    const Dataset data = Dataset::train(agreement(true), 1);
    const Kernel good = make_kernel(Mlp<16>{.classes = 2, .hidden = 16}, data, "good");
    const Kernel leaky = make_kernel(Leaky{{.classes = 2, .hidden = 16}}, data, "leaky");
    CHECK(GradientCheck(good, data, false)(12).worst < kGradientTolerance);
    CHECK(GradientCheck(leaky, data, false)(12).worst > 10 * kGradientTolerance);
  }
}
