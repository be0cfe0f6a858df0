// Law: what a model throws inside a worker comes out of fit, in every mode; no worker waits for the fallen one.
#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "modes/mode.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Throws at the example with label 700, in the middle of its step.
struct Failing {
  static constexpr Table<1, 0> weights{};

  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  template <class V>
  void step(V& view, const Example& x) const {
    view.descend(weights, x, RowFactor{}, -1.f);
    if (x.label == 700) throw Error("example 700 is bad");
  }
  template <class V>
  double loss(V&, const Example&) const {
    return 1;
  }
  template <class V>
  double predict(V&, const Example&) const {
    return 0;
  }
  template <class F>
  void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids[j]);
  }
};

/// As little as a model can be.
struct NoTouches {
  static constexpr Table<1, 0> weights{};

  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  void step(auto& view, const Example& x) const { view.descend(weights, x, RowFactor{}, -1.f); }
  double loss(auto&, const Example&) const { return 1; }
  double predict(auto&, const Example&) const { return 0; }
};

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("an exception of a model comes out of fit in every mode, whatever rows it held") {
    std::vector<std::vector<std::uint32_t>> ids;
    for (std::uint32_t i = 0; i < 2000; ++i) ids.push_back({0, 1 + i});  // all meet in row 0
    const Dataset data = examples_of(ids);
    const Kernel kernel = make_kernel(Failing{}, data, "failing");
    for_each_team([&](TeamName team) {
      for_each_mode(team, [&](const Named<Mode>& mode) {
        for (const int workers : {1, 3}) {
          CAPTURE(std::string(name_of(kTeams, team)));
          CAPTURE(std::string(mode.name));
          CAPTURE(workers);
          CHECK_THROWS_WITH_AS(train(kernel, data, options_for(mode.value, 2, workers, team)), "example 700 is bad",
                               Error);
        }
      });
    });
  }

  TEST_CASE("a model without touches() is refused by the modes that say that they need one, and runs in the others") {
    const Dataset data = examples_of({{0}, {1}, {2}});
    const Kernel kernel = make_kernel(NoTouches{}, data, "no touches");
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      const auto run = [&] { return train(kernel, data, options_for(mode.value, 2, 2)); };
      if (mode.value != Mode::serial && shm::entry_of(mode.value).needs_touches)
        CHECK_THROWS_AS(run(), Error);
      else
        CHECK(run().stopped == Stopped::epochs);
    }
  }
}
