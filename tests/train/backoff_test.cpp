// Backing off: half the step from the last good point, up to ten times; and the schedule of that name.
#include <cmath>

#include <doctest/doctest.h>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

struct Noting : Observer {
  void on_backoff(const Backoff& backoff) override { seen.push_back(backoff); }
  bool on_point(const Point& point) override { return points.push_back(point), true; }
  std::vector<Backoff> seen;
  std::vector<Point> points;
};

Result noted(const Kernel& kernel, const Dataset& data, const Options& options, Noting& noting) {
  const auto backend = shm::make_backend(options);
  Exchange alone;
  return fit({.kernel = kernel, .train = data}, options, *backend, alone, noting);
}

/// One weight on its way to 1: w' - 1 = (1 - step) (w - 1), so that steps above 2 explode.
struct Cliff {
  static constexpr Table<1, 0> weights{};
  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  void step(auto& view, const Example& x) const { view.descend(weights, x, RowFactor{}, view.dot(weights, x) - 1.f); }
  double loss(auto& view, const Example& x) const { return std::pow(predict(view, x) - 1, 2); }
  double predict(auto& view, const Example& x) const { return static_cast<double>(view.dot(weights, x)); }
  void touches(const Example& x, auto f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids[j]);
  }
};

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("backoff: halves the step until training holds, in every mode, and says so") {
    const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(2000, {0}));
    const Kernel kernel = make_kernel(Cliff{}, data, "cliff");
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      Options options = options_for(mode.value, 4, 1);
      options.step = 12;
      options.schedule = ScheduleName::constant;
      CHECK(train(kernel, data, options).stopped == Stopped::diverged);  // without it
      options.backoff = true;
      Noting noting;
      const Result result = noted(kernel, data, options, noting);
      CHECK(result.stopped == Stopped::epochs);
      CHECK(result.advice.empty());
      REQUIRE(result.backoffs.size() == 3);  // 12, 6, 3, then 1.5
      REQUIRE(noting.seen.size() == 3);
      CHECK(noting.seen[0].divergence.step == 12);
      CHECK(noting.seen[0].step == 6);
      CHECK(noting.seen[2].step == 1.5);
      for (const Backoff& backoff : noting.seen) {
        CHECK(backoff.epochs == 0);
        CHECK(backoff.divergence.epoch == 1);
      }
      REQUIRE(noting.points.size() == 5);  // no bad point among them
      for (const Point& point : noting.points) CHECK(point.train_loss <= 1);
      CHECK(noting.points.back().step == 1.5);
      CHECK(result.curve.back().examples > 4 * data.size());  // what was thrown away was processed
      options.step = 1.5;                                     // nothing of it is left
      options.backoff = false;
      CHECK(train(kernel, data, options).digest == result.digest);
    }
  }

  TEST_CASE("backoff: gives up after ten halvings") {
    const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(2000, {0}));
    const Kernel kernel = make_kernel(Cliff{}, data, "cliff");
    Options options = options_for(Mode::hogwild, 4, 2);
    options.step = 1e30;
    options.backoff = true;
    const Result result = train(kernel, data, options);
    CHECK(result.stopped == Stopped::diverged);
    CHECK(result.backoffs.size() == 10);
    CHECK(result.curve.size() == 1);
    REQUIRE(result.divergence.has_value());
    CHECK(result.divergence->step == doctest::Approx(1e30 / 1024));
    CHECK(result.advice.find("--step") != std::string::npos);
  }

  TEST_CASE("schedule backoff: K epochs, then K / beta at beta times the step, and so on") {
    Options options;
    options.schedule = ScheduleName::backoff;
    options.step = 8;
    options.decay = 0.5;
    options.phase = 3;
    for (int epoch = 0; epoch < 45; ++epoch) {  // phases of 3, 6, 12, 24 epochs
      CAPTURE(epoch);
      CHECK(options.step_at(epoch, 9) == (epoch < 3 ? 8 : epoch < 9 ? 4 : epoch < 21 ? 2 : 1));
    }
    options.decay = std::nullopt;  // 0.37: the phases end at 2, 2 + 5.41, 2 + 5.41 + 14.61 epochs
    options.phase = 2;
    CHECK(options.decay_used() == 0.37);
    CHECK(options.step_at(1, 9) == 8);
    CHECK(options.step_at(2, 9) == doctest::Approx(8 * 0.37));
    CHECK(options.step_at(6, 9) == doctest::Approx(8 * 0.37));
    CHECK(options.step_at(7, 9) == doctest::Approx(8 * 0.37 * 0.37));
    CHECK(options.step_at(21, 9) == doctest::Approx(8 * 0.37 * 0.37));
    CHECK(options.step_at(22, 9) == doctest::Approx(8 * std::pow(0.37, 3)));
    options.decay = 1;
    CHECK(options.step_at(1000, 9) == 8);
  }
}
