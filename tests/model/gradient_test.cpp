// Every built-in model steps along the gradient of its own objective.
#include <doctest/doctest.h>

#include <sounder/model/logistic.hpp>
#include <sounder/model/mf.hpp>

#include "model/gradient.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr double kL2 = 0.01;

/// Examples of uneven length, ids of uneven frequency.
Columns ragged(bool valued) {
  Random random(5);
  Columns columns;
  columns.name = "ragged";
  columns.offsets = {0};
  for (std::uint32_t i = 0; i < 48; ++i) {
    for (std::uint32_t id = 0; id < 20; ++id) {
      if (id > 0 && random.below(id) > 1) continue;
      columns.ids.push_back(3 * id + 7);
      if (valued) columns.values.push_back(static_cast<float>(random.normal()));
    }
    columns.offsets.push_back(columns.ids.size());
    columns.labels.push_back(random.below(3) ? 1.f : -1.f);
  }
  return columns;
}

Columns dense(std::uint32_t width) {
  Random random(6);
  Columns columns;
  columns.name = "dense";
  columns.width = width;
  for (std::uint32_t i = 0; i < 16; ++i) {
    for (std::uint32_t j = 0; j < width; ++j) columns.values.push_back(static_cast<float>(random.normal()) / 4);
    columns.labels.push_back(random.below(2) ? 1.f : -1.f);
  }
  return columns;
}

Columns few_ratings() {
  Random random(7);
  Columns columns;
  columns.name = "ratings";
  columns.spaces = columns.width = 2;
  for (std::uint32_t i = 0; i < 12; ++i) {
    columns.ids.push_back(static_cast<std::uint32_t>(random.below(3)));
    columns.ids.push_back(static_cast<std::uint32_t>(random.below(4)));
    columns.labels.push_back(static_cast<float>(1 + random.below(5)));
  }
  return columns;
}

void check_gradient(const Kernel& kernel, const Dataset& data, bool fixed_intercept) {
  const GradientReport report = GradientCheck(kernel, data, fixed_intercept)(12);
  CHECK(report.worst < kGradientTolerance);
  CHECK(report.intercept < kGradientTolerance);
  CHECK(report.strays == 0);
  CHECK(report.kinks * 20 < report.cells);
  CHECK(report.steepest > 0.1);
}

// Models with one mistake each, for the check to find.
struct WrongSign : Logistic {
  using Logistic::Logistic;
  template <class V>
  void step(V& view, const Example& x) const {
    const float slope = LogisticLoss::slope(x.label, view.dot(weights, x) + view.intercept());
    view.descend(weights, x, RowFactor{l2, rarity}, -slope);
    view.descend_intercept(slope);
  }
};
struct NoPenalty : Logistic {
  using Logistic::Logistic;
  template <class V>
  void step(V& view, const Example& x) const {
    const float slope = LogisticLoss::slope(x.label, view.dot(weights, x) + view.intercept());
    view.descend(weights, x, RowFactor{}, slope);
    view.descend_intercept(slope);
  }
};
struct NoIntercept : Logistic {
  using Logistic::Logistic;
  template <class V>
  void step(V& view, const Example& x) const {
    view.descend(weights, x, RowFactor{l2, rarity},
                 LogisticLoss::slope(x.label, view.dot(weights, x) + view.intercept()));
  }
};
struct Greedy : Logistic {  // also moves a row that is not the example's
  using Logistic::Logistic;
  template <class V>
  void step(V& view, const Example& x) const {
    Logistic::step(view, x);
    view.descend(weights, 0, view.read(weights, 0), 0.f, 0.25f);
  }
};
struct NoBias : MatrixFactorization<16> {
  template <class V>
  void step(V& view, const Example& x) const {
    const auto p = view.read(users, x.ids[0]);
    const auto q = view.read(items, x.ids[1]);
    auto toward_p = q, toward_q = p;
    toward_p.put(14, 1.f);
    toward_q.put(15, 1.f);
    const float error = view.intercept() + view.dot(toward_p, toward_q) - x.label;
    toward_p.put(15, 0.f);
    toward_q.put(14, 0.f);
    toward_q.put(15, 0.f);  // the mistake: the item's bias never learns
    view.descend(users, x.ids[0], p, l2, error, toward_p);
    view.descend(items, x.ids[1], q, l2, error, toward_q);
  }
};

template <class M>
GradientReport report_of(const M& model, const Dataset& data, bool fixed_intercept) {
  const Kernel kernel = make_kernel(model, data, "mutant");
  return GradientCheck(kernel, data, fixed_intercept)(12);
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("the step of every model is the gradient of its objective") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      if (model.value == ModelName::cut) continue;  // projects: see cut_test.cpp
      if (format_of(model.value) == Format::ratings) {
        const Dataset data = Dataset::train(few_ratings(), 1);
        for (const int factors : {3, 16, 20, 32, 64, 100, 128, 256}) {
          CAPTURE(factors);
          const Kernel kernel = builtin_kernel({.model = model.value, .l2 = kL2, .factors = factors}, data);
          check_gradient(kernel, data, true);
        }
        continue;
      }
      std::vector<Columns> sets{ragged(true), ragged(false)};
      for (const std::uint32_t width : {1u, 15u, 16u, 17u, 33u, 50u}) sets.push_back(dense(width));
      for (const Columns& columns : sets) {
        CAPTURE(columns.name);
        CAPTURE(columns.width);
        const Dataset data = Dataset::train(relabelled(columns, model.value), 1);
        for (const double l2 : {0., kL2}) {
          const Kernel kernel = builtin_kernel({.model = model.value, .l2 = l2}, data);
          check_gradient(kernel, data, false);
        }
      }
    }
  }

  TEST_CASE("an intercept moves by the mean of the gradients of 16 examples") {
    const Dataset data = Dataset::train(ragged(true), 1);  // 48 examples
    for (const ModelName name : {ModelName::logistic, ModelName::svm}) {
      const Kernel kernel = builtin_kernel({.model = name}, data);
      Parameters parameters(kernel.layout);
      double expected = 0;
      for (const float label : data.labels()) {  // at 0 the slope of both losses is -label times a constant
        const double at_zero = name == ModelName::logistic ? 0.5 : 1;
        expected += -static_cast<double>(label) * at_zero;
      }
      constexpr float kRate = 0x1p-16f;
      kernel.step_of(AccessKind::relaxed)(kernel.model.get(), {.cells = parameters.cells(), .rate = kRate},
                                          data.examples(), 0, 48);
      const double moved = -static_cast<double>(parameters.row(1, 0)[0]) / static_cast<double>(kRate);
      REQUIRE(std::abs(expected) >= 1);
      CHECK(moved == doctest::Approx(expected / 16).epsilon(1e-3));
    }
  }

  TEST_CASE("mutants: the check finds each mistake of a step") {
    const Dataset data = Dataset::train(ragged(true), 1), ratings = Dataset::train(few_ratings(), 1);
    REQUIRE(report_of(Logistic(data, kL2), data, false).worst < kGradientTolerance);
    CHECK(report_of(WrongSign(data, kL2), data, false).worst > 10 * kGradientTolerance);
    CHECK(report_of(NoPenalty(data, kL2), data, false).worst > 3 * kGradientTolerance);
    CHECK(report_of(NoIntercept(data, kL2), data, false).intercept > 3 * kGradientTolerance);
    CHECK(report_of(Greedy(data, kL2), data, false).worst > 10 * kGradientTolerance);
    CHECK(report_of(NoBias{{.l2 = static_cast<float>(kL2), .factors = 16, .data = &ratings}}, ratings, true).worst >
          10 * kGradientTolerance);
    CHECK(report_of(Logistic(data, kL2), data, true).strays > 0);  // an intercept said to be fixed that moves
  }
}
