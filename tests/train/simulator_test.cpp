// The simulator: what staleness does to a quadratic is known in closed form; one worker is serial; nothing is lost.
#include <cmath>
#include <numbers>

#include <doctest/doctest.h>

#include <sounder/error.hpp>
#include <sounder/train/simulator.hpp>

#include "shm/hot_sum.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Loss w^2 / 2 of a single weight that starts at 1, whatever the example.
struct Quadratic {
  static constexpr Table<1, 0> weight{};

  Layout layout(const Dataset&) const { return Layout{{.rows = 1, .width = 1, .space = 0}}; }
  void initialize(Parameters& parameters, const Dataset&, std::uint64_t) const { parameters.row(0, 0)[0] = 1; }
  template <class V>
  void step(V& view, const Example&) const {
    const float w = view.read(weight, 0);
    view.descend(weight, 0, w, 0.f, w);
  }
  double loss(auto& view, const Example&) const { return std::pow(view.read(weight, 0), 2) / 2; }
  double predict(auto&, const Example&) const { return 0; }
  void touches(const Example&, auto f) const { f(0, 0); }
};

/// The weight after `updates` steps in one round.
float quadratic_after(std::size_t updates, float rate, const StalenessLaw& law) {
  const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(updates, {0}));
  const Kernel kernel = make_kernel(Quadratic{}, data, "quadratic");
  Parameters parameters(kernel.layout);
  kernel.initialize(parameters, 1);
  const auto simulator = make_simulator({.workers = 1000, .tau = law});
  simulator->prepare(kernel, data, parameters);
  ChunkQueue queue(updates, 16);
  queue.open(1);
  simulator->run({.rate = rate}, queue);
  return parameters.row(0, 0)[0];
}

/// w' = w - rate * (the weight `delay` steps ago)
float recursion_after(std::size_t updates, float rate, std::size_t delay) {
  std::vector<float> w{1};
  for (std::size_t t = 0; t < updates; ++t) w.push_back(w[t] - rate * w[t - std::min(t, delay)]);
  return w.back();
}

Result simulate(const Kernel& kernel, const Dataset& data, const Options& options, const Simulation& simulation) {
  const auto simulator = make_simulator(simulation);
  return fit(Problem{.kernel = kernel, .train = data}, options, *simulator);
}

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("simulator: a fixed delay is the delayed recursion, bit for bit; mutant: a delay off by one is not") {
    for (const std::size_t delay : {0u, 1u, 2u, 5u})
      for (const std::size_t updates : {1u, 2u, 3u, 7u, 20u}) {  // halves of 1: 20 steps are exact in a float
        CAPTURE(delay);
        CAPTURE(updates);
        const float found = quadratic_after(updates, 0.5f, StalenessLaw::fixed(delay));
        CHECK(found == recursion_after(updates, 0.5f, delay));
        if (updates > delay + 1) CHECK(found != recursion_after(updates, 0.5f, delay + 1));
      }
  }

  TEST_CASE("simulator: delayed descent is stable up to rate 2 sin(pi / (4 delay + 2)), and not beyond") {
    const auto bound = [](std::size_t delay) {
      return 2 * std::sin(std::numbers::pi / (4 * static_cast<double>(delay) + 2));
    };
    for (const std::size_t delay : {0u, 1u, 3u, 10u, 30u}) {
      CAPTURE(delay);
      const auto after = [&](double part, std::size_t tau) {
        return std::abs(quadratic_after(40'000, static_cast<float>(part * bound(delay)), StalenessLaw::fixed(tau)));
      };
      CHECK(after(0.99, delay) < 1e-3f);
      CHECK_FALSE(after(1.01, delay) < 1e3f);
      CHECK_FALSE(after(0.99, delay + 1) < 1e3f);  // mutant: one update later
    }
  }

  TEST_CASE("simulator: one worker equals serial in every bit, for every model and rule") {
    if (kThreadSanitizer) return skip("slow, and of one thread");
    for (const auto& model : kModels) {
      const Dataset data = small_set(model.value);
      for (const auto& rule : kRules) {
        CAPTURE(std::string(model.name));
        CAPTURE(std::string(rule.name));
        const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data, rule.value);
        Options options = options_for(Mode::serial, 2);
        options.rule = rule.value;
        const Result serial = train(kernel, data, options);
        CHECK(simulate(kernel, data, options, {}).digest == serial.digest);
        CHECK(simulate(kernel, data, options, {.workers = 9, .tau = StalenessLaw::fixed(0)}).digest == serial.digest);
        const Result late = simulate(kernel, data, options, {.workers = 9});
        CHECK(late.digest != serial.digest);
        CHECK(late.curve.back().train_loss < late.curve.front().train_loss);
      }
    }
  }

  TEST_CASE("simulator: whatever the law, no update is lost and none is applied twice") {
    const Dataset data = hot_examples(scaled(3000, 1000));
    for (const auto& whole : {make_kernel(HotSum<true>{}, data, "sum"), make_kernel(HotSum<false>{}, data, "sum")})
      for (const auto& law : {StalenessLaw::fixed(1), StalenessLaw::fixed(100'000), StalenessLaw::uniform(0, 3),
                              StalenessLaw::geometric(40)})
        CHECK(wrong_sums(simulate(whole, data, counting_options(Mode::hogwild, 1), {.workers = 1'000'000, .tau = law})
                             .parameters,
                         data) == 0);
  }

  TEST_CASE("simulator: workers of equal speed are late by a geometric law with mean workers - 1") {
    constexpr int kWorkers = 8, kUpdates = 40'000;
    const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(kUpdates, {0}));
    const Kernel kernel = make_kernel(HotSum<true>{}, data, "sum");
    const auto simulator = make_simulator({.workers = kWorkers, .seed = 5});
    fit(Problem{.kernel = kernel, .train = data}, counting_options(Mode::hogwild, 1), *simulator);
    const auto misfits = [&](double workers) {
      int misfit = 0;
      for (std::size_t tau = 0; tau < 30; ++tau) {
        const double expected = kUpdates * std::pow(1 - 1 / workers, tau) / workers;
        misfit += std::abs(static_cast<double>(simulator->staleness()[tau]) - expected) > 5 * std::sqrt(expected);
      }
      return misfit;
    };
    CHECK(misfits(kWorkers) == 0);
    CHECK(misfits(kWorkers + 1) > 0);
    CHECK(misfits(kWorkers - 1) > 0);
  }

  TEST_CASE("simulator: the seed repeats a run, another one does not") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    const auto digest = [&](std::uint64_t seed) {
      return simulate(kernel, data, options_for(Mode::hogwild, 2), {.workers = 20, .seed = seed}).digest;
    };
    CHECK(digest(1) == digest(1));
    CHECK(digest(1) != digest(2));
  }

  TEST_CASE("simulator: too few workers for the law, and models whose rows nobody knows, are refused") {
    CHECK_THROWS_AS(make_simulator({.workers = 0}), Error);
    CHECK_THROWS_AS(make_simulator({.workers = 8, .tau = StalenessLaw::fixed(8)}), Error);
    CHECK(make_simulator({.workers = 9, .tau = StalenessLaw::fixed(8)}));
    CHECK(make_simulator({.workers = 5, .tau = StalenessLaw::uniform(0, 8)}));
  }
}
