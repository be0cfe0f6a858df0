// Factorization machine: pairs of features, which linear models cannot see.
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>
#include <sounder/model/fm.hpp>
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

/// Forgets that a feature does not pair with itself.
struct Selfish : FactorizationMachine<16> {
  template <class V>
  void step(V& view, const Example& x) const {
    auto sums = view.dot(rows, x);
    const float slope = LogisticLoss::slope(x.label, static_cast<float>(predict(view, x)));
    sums.put(kWeight, 1.f);
    view.each(x, [&](std::uint32_t row, float value) {
      view.descend(rows, row, view.read(rows, row), l2, slope * value, sums);
    });
    view.descend_intercept(slope);
  }
};

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("fm: learns a pair of features in every mode, where a linear model learns nothing") {
    const Dataset data = Dataset::train(agreement(false), 1);
    SerialTeam alone;
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      const auto accuracy = [&](ModelName model) {
        const Kernel kernel = builtin_kernel({.model = model, .factors = 8}, data);
        Options options = options_for(mode.value, 20, 2);
        options.step = 0.1;
        return evaluate(kernel, train(kernel, data, options).parameters, data, alone).metric;
      };
      CHECK(accuracy(ModelName::fm) == 1);
      CHECK(accuracy(ModelName::logistic) < 0.8);  // three of four corners at best
    }
  }

  TEST_CASE("fm: slots between the factors and the weight stay exactly 0; the start depends on seed and id") {
    const Dataset data = small_set(ModelName::fm);
    const Kernel kernel = builtin_kernel({.model = ModelName::fm, .l2 = 1e-3, .factors = 20}, data);
    REQUIRE(kernel.layout.shape(0).width == 32);
    const Result result = train(kernel, data, options_for(Mode::hogwild, 2, 2));
    std::size_t unused = 0, weights = 0, factors = 0;
    for (std::size_t row = 0; row < data.features(); ++row) {
      for (std::size_t k = 19; k < 31; ++k) unused += result.parameters.row(0, row)[k] != 0;
      weights += result.parameters.row(0, row)[31] != 0;
      factors += result.parameters.row(0, row)[18] != 0;
    }
    CHECK(unused == 0);
    CHECK(weights == data.features());
    CHECK(factors == data.features());

    const Dataset other = Dataset::train(small_columns(ModelName::fm, 900), 1);
    const auto start = [](const Dataset& set, std::uint64_t seed, std::uint32_t id) {
      const Kernel fm = builtin_kernel({.model = ModelName::fm}, set);
      Parameters parameters(fm.layout);
      fm.initialize(parameters, seed);
      return parameters.row(0, set.numbering().row_of(id))[0];
    };
    const std::uint32_t id = data.numbering().original(0);
    REQUIRE(other.numbering().row_of(id) != Numbering::kAbsent);
    CHECK(start(data, 1, id) == start(other, 1, id));
    CHECK(start(data, 1, id) != start(data, 2, id));
  }

  TEST_CASE("fm: an l2 that makes rate * a large shrinks the rows and does not explode") {
    const Dataset data = small_set(ModelName::fm);
    const Kernel kernel = builtin_kernel({.model = ModelName::fm, .l2 = 100, .factors = 16}, data);
    Options options = options_for(Mode::serial, 3);
    options.step = 0.05;
    const Result result = train(kernel, data, options);
    CHECK(result.stopped == Stopped::epochs);
    CHECK(result.curve.back().train_loss == doctest::Approx(std::log(2)).epsilon(0.02));
  }

  TEST_CASE("fm: factors out of range are refused") {
    const Dataset data = small_set(ModelName::fm);
    for (const int factors : {0, 1, 65}) CHECK_THROWS_AS(builtin_kernel({.model = ModelName::fm, .factors = factors}, data), Error);
    for (const int factors : {2, 64}) CHECK_NOTHROW(builtin_kernel({.model = ModelName::fm, .factors = factors}, data));
  }

  TEST_CASE("mutant: a feature that pairs with itself is found by the gradient check") {
    const Dataset data = Dataset::train(agreement(false), 1);
    const Kernel good = make_kernel(FactorizationMachine<16>{}, data, "good"), selfish = make_kernel(Selfish{}, data, "selfish");
    CHECK(GradientCheck(good, data, false)(12).worst < kGradientTolerance);
    CHECK(GradientCheck(selfish, data, false)(12).worst > 10 * kGradientTolerance);
  }
}
