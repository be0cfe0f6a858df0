// Histogram and Telemetry: the arithmetic of what was measured, on numbers made by hand.
#include <vector>

#include <doctest/doctest.h>

#include <sounder/train/telemetry.hpp>

using namespace sounder;

namespace {

Histogram of(const std::vector<std::uint64_t>& values) {
  Histogram histogram;
  for (const std::uint64_t value : values) histogram.add(value);
  return histogram;
}

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("histogram: quantiles of small numbers are exact") {
    const Histogram h = of({3, 0, 1, 1, 15, 2, 1, 0, 7, 1});  // sorted: 0 0 1 1 1 1 2 3 7 15
    CHECK(h.count() == 10);
    CHECK(h.mean() == doctest::Approx(3.1));
    CHECK(h.max() == 15);
    CHECK(h.quantile(0.2) == 0);
    CHECK(h.quantile(0.21) == 1);
    CHECK(h.quantile(0.5) == 1);
    CHECK(h.quantile(0.7) == 2);
    CHECK(h.quantile(0.9) == 7);
    CHECK(h.quantile(0.99) == 15);
    CHECK(Histogram{}.quantile(0.5) == 0);
    CHECK(Histogram{}.mean() == 0);
  }

  TEST_CASE("histogram: every number lies in its bucket, which is narrow, and buckets follow each other") {
    std::vector<std::uint64_t> values{0, 1, 15, 16, 17, 31, 32, 255, 256, 1000, 123'456'789, ~std::uint64_t{0}};
    for (int bit = 4; bit < 64; ++bit)
      for (const std::uint64_t near : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit, (std::uint64_t{1} << bit) + 1}) values.push_back(near);
    for (const std::uint64_t value : values) {
      CAPTURE(value);
      int buckets = 0;
      of({value}).each([&](std::uint64_t first, std::uint64_t last, std::uint64_t count) {
        ++buckets;
        CHECK(count == 1);
        CHECK(first <= value);
        CHECK(value <= last);
        CHECK(last - first <= first / 8);
      });
      CHECK(buckets == 1);
      CHECK(of({value}).quantile(0.5) == value);  // never above the maximum
    }
    std::vector<std::uint64_t> all;
    for (std::uint64_t value = 0; value < 5000; ++value) all.push_back(value);
    std::uint64_t next = 0, counted = 0;
    of(all).each([&](std::uint64_t first, std::uint64_t last, std::uint64_t count) {
      CHECK(first == next);
      if (last < all.size()) CHECK(count == last - first + 1);
      next = last + 1;
      counted += count;
    });
    CHECK(counted == all.size());
  }

  TEST_CASE("histogram: merged parts equal the whole") {
    Histogram parts = of({1, 20, 300});
    parts.merge(of({0, 20, 5000}));
    const Histogram whole = of({1, 20, 300, 0, 20, 5000});
    CHECK(parts.count() == whole.count());
    CHECK(parts.mean() == whole.mean());
    CHECK(parts.max() == 5000);
    for (const double q : {0.1, 0.3, 0.5, 0.7, 0.9}) CHECK(parts.quantile(q) == whole.quantile(q));
  }

  TEST_CASE("telemetry: rates are shares of what was sampled, and empty where nothing was") {
    Telemetry t;
    CHECK_FALSE(t.on);
    CHECK_FALSE(t.conflict_rate());
    CHECK_FALSE(t.lost_rate());
    WorkerTelemetry one{.examples = 100, .compute_seconds = 1.5, .wait_seconds = 0.5, .staleness = of({4}), .rehearsed = 8, .conflicted = 1, .audited = 30};
    WorkerTelemetry two{.examples = 50, .compute_seconds = 1, .wait_seconds = 1, .staleness = of({2}), .rehearsed = 8, .conflicted = 3, .audited = 10};
    t.add(one);
    t.add(two);
    t.kept = 37;
    CHECK(t.on);
    CHECK(t.examples() == 150);
    CHECK(t.compute_seconds() == 2.5);
    CHECK(t.wait_seconds() == 1.5);
    CHECK(t.staleness.mean() == 3);
    CHECK(*t.conflict_rate() == 0.25);
    CHECK(*t.lost_rate() == doctest::Approx(3. / 40));
  }
}
