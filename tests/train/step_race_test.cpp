// The race of step sizes: its winner beats steps ten times too small and ten times too large; no step that diverges
// wins.
#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/error.hpp>
#include <sounder/train/step_race.hpp>

#include "data/files.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// The loss of a whole run at a step; infinite where it diverges.
double loss_at(const Kernel& kernel, const Dataset& data, double step) {
  Options options = options_for(Mode::serial, 3);
  options.step = step;
  const Result result = train(kernel, data, options);
  return result.stopped == Stopped::diverged ? HUGE_VAL : result.curve.back().train_loss;
}

/// Squares the weights up: whatever the step, nothing stays finite.
struct Hopeless {
  static constexpr Table<1, 0> weights{};
  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  void step(auto& view, const Example& x) const {
    view.descend(weights, x, RowFactor{}, -1e38f * (1 + std::abs(view.dot(weights, x))));
  }
  double loss(auto& view, const Example& x) const { return predict(view, x); }
  double predict(auto& view, const Example& x) const { return static_cast<double>(view.dot(weights, x)); }
};

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("step race: the winner is on the grid, and better than a tenth and than ten times of it") {
    if (kThreadSanitizer) return skip("slow, and of one thread");
    const struct {
      ModelName model;
      const char* source;
    } cases[] = {{ModelName::logistic, "synthetic:rcv1,examples=5000"},
                 {ModelName::logistic, "synthetic:dense,examples=5000,features=30"},
                 {ModelName::svm, "synthetic:zipf,examples=5000,features=4000"},
                 {ModelName::mf, "synthetic:netflix,users=400,items=200,examples=20000"}};
    for (const auto& each : cases) {
      CAPTURE(std::string(each.source));
      const Dataset data = Dataset::train(load(each.source, {.format = format_of(each.model)}), 1);
      const Kernel kernel = builtin_kernel({.model = each.model, .l2 = 1e-4}, data);
      const StepRace race = race_steps(kernel, data, options_for(Mode::hogwild, 10, 2));
      REQUIRE(race.trials.size() == 11);
      CHECK(race.trials.front().step == kernel.default_step / 32);
      CHECK(race.trials.back().step == kernel.default_step * 32);
      CHECK(std::count_if(race.trials.begin(), race.trials.end(),
                          [&](const Trial& t) { return t.step == race.step; }) == 1);
      CAPTURE(race.step / kernel.default_step);
      const double loss = loss_at(kernel, data, race.step);
      CHECK(loss < loss_at(kernel, data, race.step / 10));
      CHECK(loss < loss_at(kernel, data, race.step * 10));
      CHECK(race_steps(kernel, data, options_for(Mode::serial, 1)).step ==
            race.step);  // whatever the mode and the threads
    }
  }

  TEST_CASE("step race: a second heat corrects a sample that is too thin to tell") {
    if (kThreadSanitizer) return skip("slow, and of one thread");
    const Dataset data =
        Dataset::train(load("synthetic:netflix,users=6000,items=4000,examples=200000", {.format = Format::ratings}), 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::mf}, data);
    const StepRace race = race_steps(kernel, data, {});
    const auto best = std::min_element(race.trials.begin(), race.trials.end(),
                                       [](const Trial& a, const Trial& b) { return !(b.loss <= a.loss); });
    CHECK(race.step < best->step);
    CHECK(loss_at(kernel, data, race.step) < loss_at(kernel, data, best->step));
  }

  TEST_CASE("step race: where every step diverges, it says so") {
    const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(500, {0}));
    const Kernel kernel = make_kernel(Hopeless{}, data, "hopeless");
    CHECK(contains(message_of([&] { race_steps(kernel, data, {}); }), "--step"));
  }
}
