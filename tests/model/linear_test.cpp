// Linear models: objective, answers, default step; and what every model owes of these.
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/error.hpp>
#include <sounder/model/logistic.hpp>
#include <sounder/model/svm.hpp>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// The sum over all rows of a table, but those behind the known ids, of weight(row) * ||row||^2, in double.
template <class Weight>
double squares(const Parameters& parameters, std::size_t table, std::size_t rows, Weight weight) {
  double sum = 0;
  for (std::size_t row = 0; row < rows; ++row)
    for (const float w : parameters.row(table, row))
      sum += weight(row) * static_cast<double>(w) * static_cast<double>(w);
  return sum;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("penalty: l2/2 ||w||^2, the intercept excluded; ratings weight a row by its frequency") {
    constexpr double kL2 = 0.03125;
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      if (model.value == ModelName::cut) continue;  // has no penalty
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = kL2, .factors = 16}, data);
      const Result result = train(kernel, data, options_for(Mode::serial, 2));
      const Parameters& w = result.parameters;
      double expected = 0;
      if (format_of(model.value) == Format::ratings) {
        for (std::uint32_t side = 0; side < 2; ++side)
          expected += squares(w, side, data.numbering(side).size(), [&](std::size_t row) {
            return static_cast<double>(data.frequencies(side)[row]) / static_cast<double>(data.size());
          });
      } else {
        expected = squares(w, 0, data.features(), [](std::size_t) { return 1.; });
        if (model.value == ModelName::mlp) expected += squares(w, 2, 64, [](std::size_t) { return 1.; });
      }
      REQUIRE(expected > 0);
      CHECK(kernel.penalty(w) == doctest::Approx(kL2 / 2 * expected).epsilon(1e-9));
      const double loss = kernel.loss(kernel.model.get(), w.cells(), data.examples(), 0, data.size()) /
                          static_cast<double>(data.size());
      CHECK(result.curve.back().train_loss == doctest::Approx(loss + kL2 / 2 * expected).epsilon(1e-9));

      const Kernel without = builtin_kernel({.model = model.value, .factors = 16}, data);
      CHECK(without.penalty(w) == 0);
    }
  }

  TEST_CASE("losses: values at known scores, also far from 0") {
    CHECK(LogisticLoss::value(1, 0) == doctest::Approx(std::log(2)).epsilon(1e-12));
    CHECK(LogisticLoss::value(-1, 2) == doctest::Approx(std::log(1 + std::exp(2))).epsilon(1e-12));
    CHECK(LogisticLoss::value(1, 1000) == 0);
    CHECK(LogisticLoss::value(-1, 1000) == 1000);
    CHECK(LogisticLoss::slope(1, 1000) == 0);
    CHECK(LogisticLoss::slope(-1, 1000) == 1);
    CHECK(HingeLoss::value(1, 0.25) == 0.75);
    CHECK(HingeLoss::value(-1, 0.25) == 1.25);
    CHECK(HingeLoss::value(1, 1) == 0);
    CHECK(HingeLoss::slope(1, 1) == 0);
    CHECK(HingeLoss::slope(-1, 1) == 1);
  }

  TEST_CASE("answers: a probability, a class, a rating") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value}, data);
      switch (format_of(model.value)) {
        case Format::classification: CHECK(kernel.task == Task::binary); break;
        case Format::cut:
        case Format::multiclass: CHECK(kernel.task == Task::multiclass); break;
        case Format::regression:
        case Format::ratings: CHECK(kernel.task == Task::rating); break;
      }
      if (kernel.task == Task::multiclass) {  // the label of the class in the input
        for (std::size_t i = 0; i < data.classes().size(); ++i)
          CHECK(kernel.answer(static_cast<double>(i)) == static_cast<double>(data.classes()[i]));
        continue;
      }
      double last = -1e300;
      for (const double score : {-1e6, -800., -3., -0.5, 0., 0.5, 3., 800., 1e6}) {
        const double answer = kernel.answer(score);
        CHECK(std::isfinite(answer));
        CHECK(answer >= last);  // a higher score never means a lower answer
        last = answer;
        if (model.value == ModelName::logistic) CHECK((answer >= 0 && answer <= 1));
        if (model.value == ModelName::svm) CHECK(std::abs(answer) == 1);
        if (kernel.task != Task::binary) CHECK(answer == score);
      }
    }
    const Dataset data = small_set(ModelName::logistic);
    CHECK(builtin_kernel({}, data).answer(0) == 0.5);
    CHECK(builtin_kernel({}, data).answer(std::log(3)) == doctest::Approx(0.75));
  }

  TEST_CASE("the default step of a linear model scales with the square of the values") {
    Columns columns;
    columns.name = "scale";
    columns.width = 2;
    columns.values = {1, 2, 3, 4};
    columns.labels = {1, -1};
    const double mean_square = (1 + 4 + 9 + 16) / 2.;
    const Dataset data = Dataset::train(columns, 1);
    CHECK(builtin_kernel({.model = ModelName::logistic}, data).default_step ==
          doctest::Approx(LogisticLoss::kStep / mean_square));
    CHECK(builtin_kernel({.model = ModelName::svm}, data).default_step ==
          doctest::Approx(HingeLoss::kStep / mean_square));

    Columns ones = columns;  // values that are not there are 1
    ones.ids = {0, 1, 0, 2};
    ones.values.clear();
    const Dataset sparse = Dataset::train(ones, 1);
    CHECK(builtin_kernel({.model = ModelName::logistic}, sparse).default_step ==
          doctest::Approx(LogisticLoss::kStep / 2));
  }

  TEST_CASE("dense examples without values are refused, as no model could read them") {
    Columns columns;
    columns.name = "no values";
    columns.width = 3;
    columns.labels = {1, -1};
    CHECK_THROWS_AS(Dataset::train(columns, 1), Error);
  }
}
