// Efficiency: on curves made by hand.
#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/train/efficiency.hpp>

using namespace sounder;

namespace {

/// A point an epoch of 1000 updates.
Curve curve_of(const std::vector<double>& losses) {
  Curve curve;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    Point point;
    point.epoch = static_cast<int>(i);
    point.updates = 1000 * i;
    point.train_loss = losses[i];
    curve.push_back(point);
  }
  return curve;
}

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("epochs to a loss: on a point, between points, never, and from the start") {
    const Curve curve = curve_of({1, 0.5, 0.4, 0.45, 0.2});
    CHECK(*epochs_to(curve, 0.5) == 1);
    CHECK(*epochs_to(curve, 0.75) == doctest::Approx(0.5));
    CHECK(*epochs_to(curve, 0.42) == doctest::Approx(1.8));  // the first time, not the last
    CHECK(*epochs_to(curve, 0.25) == doctest::Approx(3.8));
    CHECK(*epochs_to(curve, 2) == 0);
    CHECK_FALSE(epochs_to(curve, 0.1));
    CHECK_FALSE(epochs_to({}, 0.1));
    const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    CHECK(*epochs_to(curve_of({nan, 0.5}), 0.6) == 1);
    CHECK(*epochs_to(curve_of({infinity, 0.5}), 0.6) == 1);
    CHECK_FALSE(epochs_to(curve_of({nan, nan}), 0.6));
  }

  TEST_CASE("speed-up is the ratio of the times to the target, and the product of its parts") {
    const Curve reference = curve_of({1, 0.5, 0.25}), run = curve_of({1, 0.75, 0.5, 0.375});
    // The reference takes 4 s an epoch, two workers 3 s: to 0.5 it is one epoch against two, 4 s against 6.
    const auto e = efficiency_of({2, 9, run}, {1, 8, reference}, 0.5);
    REQUIRE(e);
    CHECK(e->hardware == doctest::Approx(4. / (2 * 3)));
    CHECK(*e->statistical == doctest::Approx(0.5));
    CHECK(*e->speedup() == doctest::Approx(4. / 6));
  }

  TEST_CASE("without a target it is the worse of the final losses, which both reached") {
    const Curve reference = curve_of({1, 0.5, 0.25}), run = curve_of({1, 0.75, 0.5, 0.375});
    const auto e = efficiency_of({2, 9, run}, {1, 8, reference}, {});
    REQUIRE(e);
    CHECK(e->target == 0.375);
    CHECK(*e->statistical == doctest::Approx(1.5 / 3));
    CHECK(efficiency_of({2, 9, reference}, {1, 8, run}, {})->target == 0.375);  // whoever is worse
    CHECK(*efficiency_of({1, 8, run}, {1, 8, run}, {})->speedup() == doctest::Approx(1));
  }

  TEST_CASE("what cannot be compared is empty, not a number") {
    const Curve reference = curve_of({1, 0.5, 0.25}), run = curve_of({1, 0.75}), start = curve_of({1});
    const auto missed = efficiency_of({2, 3, run}, {1, 8, reference}, 0.3);  // the run never came there
    REQUIRE(missed);
    CHECK_FALSE(missed->statistical);
    CHECK_FALSE(missed->speedup());
    CHECK(missed->hardware == doctest::Approx(4. / 6));
    CHECK_FALSE(efficiency_of({2, 3, start}, {1, 8, reference}, {}));
    CHECK_FALSE(efficiency_of({2, 3, run}, {1, 0, reference}, {}));
    CHECK_FALSE(efficiency_of({2, 3, run}, {1, 8, reference}, 5)->statistical);  // both are there from the start
  }
}
