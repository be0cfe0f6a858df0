// Softmax regression: two classes are logistic regression; scores far from 0; classes and features that are missing.
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>
#include <sounder/model/softmax.hpp>
#include <sounder/train/evaluate.hpp>

#include "model/gradient.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Three classes around the corners of a triangle, one after the other; some examples are empty.
Columns corners() {
  Random random(8);
  Columns columns;
  columns.name = "corners";
  columns.classes = {10, 20, 30};
  columns.offsets = {0};
  for (std::uint32_t i = 0; i < 600; ++i) {
    const std::uint32_t label = i / 200;
    if (i % 200 > 0)
      for (std::uint32_t j = 0; j < 3; ++j) {
        columns.ids.push_back(7 * j);
        columns.values.push_back(static_cast<float>((j == label ? 1 : 0) + random.normal() / 20));
      }
    columns.offsets.push_back(columns.ids.size());
    columns.labels.push_back(static_cast<float>(label));
  }
  return columns;
}

/// Its gradient leaves out the label.
struct Blind : Softmax<16> {
  template <class V>
  void step(V& view, const Example& x) const {
    const auto gradient = cross_entropy::gradient(scores(view, x), classes, -1.f);
    view.descend(weights, x, RowFactor{l2, rarity}, gradient);
    view.descend_intercept(gradient);
  }
};

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("softmax: with two classes it is logistic regression, at half of the l2") {
    Columns signs = load("synthetic:zipf,features=200,nonzeros=10,examples=600"), classes = signs;
    classes.classes = {-1, 1};
    for (float& label : classes.labels) label = label > 0 ? 1.f : 0.f;
    const Dataset of_signs = Dataset::train(signs, 1), of_classes = Dataset::train(classes, 1);
    const auto end = [](ModelName model, double l2, const Dataset& data) {
      Options options = options_for(Mode::serial, 80);
      options.decay = 0.93;
      return train(builtin_kernel({.model = model, .l2 = l2}, data), data, options).curve.back().train_loss;
    };
    const double logistic = end(ModelName::logistic, 0.01, of_signs);
    CHECK(end(ModelName::softmax, 0.02, of_classes) == doctest::Approx(logistic).epsilon(1e-3));
    CHECK(end(ModelName::softmax, 0.01, of_classes) < 0.98 * logistic);  // what 1e-3 can tell apart
  }

  TEST_CASE("softmax: classes that can be told apart are, in every mode, though some examples are empty") {
    const Dataset data = Dataset::train(corners(), 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::softmax}, data);
    SerialTeam alone;
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      Options options = options_for(mode.value, 15, 2);
      options.step = 1;
      const Result result = train(kernel, data, options);
      CHECK(evaluate(kernel, result.parameters, data, alone).metric >= 598. / 600);  // an empty one a class
    }
  }

  TEST_CASE("softmax: slots behind the classes stay exactly 0, a feature unseen in training adds nothing") {
    const Dataset data = Dataset::train(corners(), 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::softmax, .l2 = 0.01}, data);
    const Result result = train(kernel, data, options_for(Mode::serial, 2));
    std::size_t nonzeros = 0;
    for (std::size_t table = 0; table < 2; ++table)
      for (std::size_t row = 0; row < kernel.layout.shape(table).rows; ++row)
        for (std::size_t k = 3; k < 16; ++k) nonzeros += result.parameters.row(table, row)[k] != 0;
    CHECK(nonzeros == 0);

    Columns known = corners(), more = corners();
    more.ids.push_back(99);  // in the last example
    more.values.push_back(1e6f);
    ++more.offsets.back();
    SerialTeam alone;
    CHECK(evaluate(kernel, result.parameters, Dataset::test(known, data), alone).loss ==
          evaluate(kernel, result.parameters, Dataset::test(more, data), alone).loss);
  }

  TEST_CASE("softmax: rows are as wide as the classes need; labels that are no classes are refused") {
    for (const auto& [classes, width] : {std::pair{2, 16}, {16, 16}, {17, 32}, {33, 64}, {65, 128}, {128, 128}, {129, 0}}) {
      CAPTURE(classes);
      Columns columns;
      columns.name = "classes";
      columns.width = 1;
      for (int i = 0; i < classes; ++i) {
        columns.classes.push_back(static_cast<float>(i));
        columns.labels.push_back(static_cast<float>(i));
        columns.values.push_back(1.f);
      }
      const Dataset data = Dataset::train(columns, 1);
      if (width == 0) {
        CHECK_THROWS_AS(builtin_kernel({.model = ModelName::softmax}, data), Error);
        continue;
      }
      const Kernel kernel = builtin_kernel({.model = ModelName::softmax}, data);
      CHECK(kernel.layout.shape(0).width == width);
      const Result start = train(kernel, data, options_for(Mode::serial, 0));
      CHECK(start.curve.front().train_loss == doctest::Approx(std::log(classes)).epsilon(1e-6));
    }
    CHECK_THROWS_AS(builtin_kernel({.model = ModelName::softmax}, small_set(ModelName::logistic)), Error);
  }

  TEST_CASE("cross-entropy: finite and exact also where a score is far from the others") {
    using Scores = Row<16, ThreadLanes>;
    Scores scores = Scores::zero();
    scores.put(0, 1000.f);
    scores.put(1, -1000.f);
    CHECK(cross_entropy::loss(scores, 3, 0.f) == 0);
    CHECK(cross_entropy::loss(scores, 3, 1.f) == 2000);
    const Scores gradient = cross_entropy::gradient(scores, 3, 1.f);
    CHECK(gradient.get(0) == 1);
    CHECK(gradient.get(1) == -1);
    for (int k = 2; k < 16; ++k) CHECK(gradient.get(k) == 0);
    CHECK(cross_entropy::best(scores, 3) == 0);
  }

  TEST_CASE("mutant: a softmax that does not look at the label is found by the gradient check") {
    const Dataset data = Dataset::train(corners(), 1);
    const Kernel good = make_kernel(Softmax<16>{.classes = 3}, data, "good");
    const Kernel blind = make_kernel(Blind{{.classes = 3}}, data, "blind");
    CHECK(GradientCheck(good, data, false)(12).worst < kGradientTolerance);
    CHECK(GradientCheck(blind, data, false)(12).worst > 10 * kGradientTolerance);
  }
}
