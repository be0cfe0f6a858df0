// The rules against the formulas of their papers, in double precision; and that a lost write does not make them explode.
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>
#include <sounder/params/access/relaxed.hpp>
#include <sounder/params/parameters.hpp>
#include <sounder/params/view.hpp>
#include <sounder/rule/rule.hpp>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr float kRate = 0.3f, kA = 0.05f, kL1 = 0.4f;

/// One coordinate by the textbook: the whole history is kept, nothing is updated in place.
struct Textbook {
  double w = 0.7;
  std::vector<double> gradients{};  // of b * x

  double step(const Sgd&, double g) { return (w - kRate * g) / (1 + kRate * kA); }
  double step(const AdaGrad&, double g) {
    double sum = 0;
    for (const double h : gradients) sum += h * h;
    const double rate = kRate / std::sqrt(sum);
    return (w - rate * g) / (1 + rate * kA);
  }
  double step(const Momentum&, double) {
    double velocity = 0;
    for (const double h : gradients) velocity = 0.9 * velocity + h;
    return (w - kRate * velocity) / (1 + kRate * kA);
  }
  double step(const Adam&, double) {
    double m = 0, v = 0;
    for (const double h : gradients) m = 0.9 * m + 0.1 * h, v = 0.999 * v + 0.001 * h * h;
    const double t = static_cast<double>(gradients.size());
    m /= 1 - std::pow(0.9, t), v /= 1 - std::pow(0.999, t);
    const double rate = kRate / (std::sqrt(v) + 1e-8);
    return (w - rate * m) / (1 + rate * kA);
  }
  double step(const Ftrl&, double g) {
    const double gradient = g + kA * w, before = n;
    n += gradient * gradient;
    if (!started) z = -w / kRate - kL1 * (w > 0 ? 1 : -1);  // sets out from w: solves the formula below for z at n = 0
    started = true;
    z += gradient - (std::sqrt(n) - std::sqrt(before)) / kRate * w;
    const double sign = z > 0 ? 1 : -1;
    return std::abs(z) <= kL1 ? 0 : -kRate * (z - sign * kL1) / (1 + std::sqrt(n));
  }
  double z = 0, n = 0;
  bool started = false;
};

/// The largest difference, over 200 steps, of a rule in cells from the textbook, in parts of the largest weight.
template <class Rule, class Tested = Rule>
double difference(bool wide) {
  constexpr Table<1, 0> kNarrow{};
  constexpr Table<16, 1> kWide{};
  Parameters parameters(Layout({{.rows = 3, .width = 1}, {.rows = 3, .width = 16}}, Rule::kStates));
  const Relaxed<Tested> access{rule_with<Tested>(kRate, kL1)};
  View<Relaxed<Tested>> view(access, parameters.cells());
  std::vector<Textbook> books(wide ? 16 : 1);
  for (std::size_t i = 0; i < books.size(); ++i) {
    books[i].w = i % 3 == 2 ? -0.4 : 0.7;
    (wide ? parameters.row(1, 1)[i] : parameters.row(0, 1)[0]) = static_cast<float>(books[i].w);
  }
  Random random(5);
  double worst = 0, largest = 0;
  for (int t = 0; t < 200; ++t) {
    const float b = static_cast<float>(random.normal());
    auto x = Row<16, ThreadLanes>::zero();
    for (int i = 0; i < 16; ++i) x.put(i, static_cast<float>(random.normal()));
    if (wide)
      view.descend(kWide, 1, view.read(kWide, 1), kA, b, x);
    else
      view.descend(kNarrow, 1, view.read(kNarrow, 1), kA, b, x.get(0));
    for (std::size_t i = 0; i < books.size(); ++i) {
      const double g = static_cast<double>(b) * static_cast<double>(x.get(static_cast<int>(i)));
      books[i].gradients.push_back(g);
      books[i].w = books[i].step(Rule{}, g);
      const double found = static_cast<double>((wide ? parameters.row(1, 1)[i] : parameters.row(0, 1)[0]));
      worst = std::max(worst, std::isfinite(found) ? std::abs(found - books[i].w) : 1e30);
      largest = std::max(largest, std::abs(books[i].w));
    }
  }
  for (std::size_t table = 0; table < 2; ++table)  // no other row, and no state of one, has moved
    for (const std::size_t row : {0u, 2u})
      for (const float cell : parameters.row_with_state(table, row)) CHECK(cell == 0);
  return worst / largest;
}

/// Forgets half of what it should keep.
struct ForgetfulAdaGrad : AdaGrad {
  template <class V>
  V next(V (&state)[kStates], V old, float a, float b, V x) const {
    const V result = AdaGrad::next(state, old, a, b, x);
    state[0] = state[0] * 0.5f;
    return result;
  }
};

/// Divides by the sum that is in memory, its own gradient not included: what async AdaGrad must not do.
struct ExclusiveAdaGrad : AdaGrad {
  template <class V>
  V next(V (&state)[kStates], V old, float, float b, V x) const {
    const V g = b * x, before = state[0];
    state[0] = state[0] + g * g;
    return old - this->rate * g / root_of(before + kSmall);
  }
};

/// The largest step of a rule, in parts of its rate, where other workers' stores put the state back to 0 at times.
template <class Rule>
double largest_step() {
  const auto rule = rule_with<Rule>(kRate, 0);
  Random random(9);
  float w = 0, state[Rule::kStates] = {}, largest = 0;
  for (int t = 0; t < 1000; ++t) {
    if (random.below(4) == 0) state[0] = 0;
    const float next = rule.next(state, w, 0.f, static_cast<float>(random.normal()), 1.f);
    largest = std::max(largest, std::abs(next - w));
    w = next;
  }
  return static_cast<double>(largest) / static_cast<double>(kRate);
}

}  // namespace

TEST_SUITE("rule") {
  TEST_CASE("every rule steps as its paper says, on rows of any width") {
    for (const auto& rule : kRules)
      with_rule(rule.value, [&](auto r) {
        using Rule = decltype(r);
        CAPTURE(std::string(rule.name));
        CHECK(std::string(rule.name) == Rule::kName);
        CHECK(difference<Rule>(false) < 2e-5);
        CHECK(difference<Rule>(true) < 2e-5);
      });
  }

  TEST_CASE("mutant: a rule that forgets its state is seen") { CHECK(difference<AdaGrad, ForgetfulAdaGrad>(true) > 1e-3); }

  TEST_CASE("adagrad's step stays within its rate when its state is lost; mutant: the exclusive form's does not") {
    CHECK(largest_step<AdaGrad>() < 1.0001);
    CHECK(largest_step<ExclusiveAdaGrad>() > 1000);
  }

  TEST_CASE("every rule trains every model to a lower loss by its own default step") {
    for (const auto& model : kModels) {
      const Dataset data = small_set(model.value);
      for (const auto& rule : kRules) {
        CAPTURE(std::string(model.name));
        CAPTURE(std::string(rule.name));
        const Kernel kernel = builtin_kernel({.model = model.value, .factors = 16}, data, rule.value);
        Options options = options_for(Mode::serial, 5);
        options.rule = rule.value;
        const Curve curve = train(kernel, data, options).curve;
        CHECK(curve.back().train_loss < 0.9 * curve.front().train_loss);
      }
    }
  }

  TEST_CASE("l1 makes weights exactly 0, the more of them the larger it is, and is refused by rules that cannot") {
    const Dataset data = small_set(ModelName::logistic);
    const auto zeros = [&](double l1) {
      const Kernel kernel = builtin_kernel({.l1 = l1}, data, RuleName::ftrl);
      Options options = options_for(Mode::serial, 10);
      options.rule = RuleName::ftrl;
      const std::vector<float> weights = weights_of(train(kernel, data, options).parameters);
      return std::count(weights.begin(), weights.end(), 0.f);
    };
    const auto few = zeros(1e-5), many = zeros(1e-2);
    CHECK(many > few);
    CHECK(many > static_cast<std::ptrdiff_t>(data.features() * 9 / 10));
    CHECK(zeros(0) < static_cast<std::ptrdiff_t>(data.features() / 100));
    for (const auto& rule : kRules)
      if (!has_l1(rule.value)) CHECK_THROWS_AS(builtin_kernel({.l1 = 0.1}, data, rule.value), Error);
  }
}
