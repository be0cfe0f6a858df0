// StalenessLaw: what is drawn, how laws are written, and what is refused.
#include <cmath>
#include <functional>

#include <doctest/doctest.h>

#include <sounder/error.hpp>
#include <sounder/train/staleness_law.hpp>

#include "data/files.hpp"

using namespace sounder;

namespace {

constexpr int kDraws = 100'000;

/// How many values of tau were drawn more than five standard deviations too often or too rarely.
std::size_t misfits(const StalenessLaw& law, const std::function<double(std::size_t)>& chance) {
  Random random(11);
  std::vector<double> counts(200);
  for (int i = 0; i < kDraws; ++i)
    if (const std::uint64_t tau = law.draw(random); tau < counts.size()) counts[tau] += 1;
  std::size_t misfit = 0;
  for (std::size_t tau = 0; tau < counts.size(); ++tau) {
    const double expected = kDraws * chance(tau);
    misfit += std::abs(counts[tau] - expected) > 5 * std::sqrt(expected);
  }
  return misfit;
}

double mean_of(const StalenessLaw& law) {
  Random random(12);
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) sum += static_cast<double>(law.draw(random));
  return sum / kDraws;
}

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("every law draws each staleness as often as it says; mutants: a neighbour of it does not") {
    const auto geometric = [](double mean) {
      return [=](std::size_t tau) { return std::pow(mean / (1 + mean), tau) / (1 + mean); };
    };
    CHECK(misfits(StalenessLaw::fixed(7), [](std::size_t tau) { return tau == 7; }) == 0);
    CHECK(misfits(StalenessLaw::fixed(8), [](std::size_t tau) { return tau == 7; }) == 2);
    const auto three_to_nine = [](std::size_t tau) { return tau >= 3 && tau <= 9 ? 1. / 7 : 0.; };
    CHECK(misfits(StalenessLaw::uniform(3, 9), three_to_nine) == 0);
    CHECK(misfits(StalenessLaw::uniform(3, 10), three_to_nine) > 5);
    CHECK(misfits(StalenessLaw::geometric(6.5), geometric(6.5)) == 0);
    CHECK(misfits(StalenessLaw::geometric(7), geometric(6.5)) > 0);
    CHECK(misfits(StalenessLaw::geometric(0), [](std::size_t tau) { return tau == 0; }) == 0);
    const auto seen = [](std::size_t tau) { return tau == 2 ? 0.25 : tau == 50 ? 0.7 : tau == 51 ? 0.05 : 0; };
    CHECK(misfits(StalenessLaw::histogram({{50, 140}, {2, 50}, {51, 10}, {60, 0}}), seen) == 0);
    CHECK(misfits(StalenessLaw::histogram({{50, 140}, {2, 40}, {51, 10}}), seen) > 0);
  }

  TEST_CASE("the mean of a law is that of its draws") {
    for (const StalenessLaw& law : {StalenessLaw::fixed(3), StalenessLaw::uniform(0, 9), StalenessLaw::geometric(4),
                                    StalenessLaw::histogram({{1, 3}, {9, 1}})})
      CHECK(std::abs(mean_of(law) - law.mean()) < 0.07);  // five standard deviations of the widest, the geometric
    CHECK(StalenessLaw::histogram({{1, 3}, {9, 1}}).mean() == 3);
  }

  TEST_CASE("laws are read from words and files; what cannot be read is refused, with its place") {
    using test::TempFile;
    CHECK(StalenessLaw::parse("fixed:3").mean() == 3);
    CHECK(StalenessLaw::parse("uniform:2..8").mean() == 5);
    CHECK(StalenessLaw::parse("geometric:2.5").mean() == 2.5);
    const TempFile lines("# tau count\n1 3\n\n 9\t1 # last\n");
    CHECK(StalenessLaw::parse("histogram:" + lines.path()).mean() == 3);
    const TempFile records(R"({"kind":"run"}
{"staleness":null}
{"staleness":{"unit":"updates","histogram":[[1,3],[9,1]]}})");
    CHECK(StalenessLaw::parse("histogram:" + records.path()).mean() == 3);

    for (const char* bad :
         {"", "fixed", "fixed:", "fixed:x", "fixed:-1", "fixed:1.5", "fixed:99999999999", "uniform:3", "uniform:5..3",
          "uniform:..", "geometric:-1", "geometric:nan", "poisson:3", "histogram:", "histogram:/nowhere"}) {
      CAPTURE(bad);
      CHECK_THROWS_AS(StalenessLaw::parse(bad), Error);
    }
    for (const char* content : {"", "1\n", "1 2 3\n", "x 1\n", "1 -1\n", "1 0\n", "{\"a\":\n", "{}\n",
                                "{\"staleness\":{\"histogram\":[[1]]}}\n", "{\"staleness\":{\"histogram\":7}}\n",
                                "{\"staleness\":{\"histogram\":[[0,-3]]}}\n"}) {
      CAPTURE(content);
      CHECK_THROWS_AS(StalenessLaw::parse("histogram:" + TempFile(content).path()), Error);
    }
    const TempFile bad("1 3\n2 y\n");
    CHECK(
        test::contains(test::message_of([&] { StalenessLaw::parse("histogram:" + bad.path()); }), bad.path() + ":2: "));
  }
}
