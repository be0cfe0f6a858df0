// Generated sets: the sparsity that they declare, the same examples every time, something to learn.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#ifndef __SANITIZE_THREAD__
#include <tbb/global_control.h>
#endif

#include <sounder/data/dataset.hpp>
#include <sounder/data/generate.hpp>
#include <sounder/data/statistics.hpp>

using namespace sounder;

namespace {

bool same(const Columns& a, const Columns& b) {
  return a.offsets == b.offsets && a.ids == b.ids && a.values == b.values && a.labels == b.labels;
}

/// Settings for some thousand examples.
std::map<std::string, double> few(const Synthetic& set) {
  if (set.format == Format::cut) return {{"width", 40}, {"height", 30}};
  return {{"examples", 3000}};
}

/// The share of the held-out labels that a perceptron gets right after two passes over the training part.
double accuracy(std::string_view name) {
  const Dataset train = Dataset::train(generate(name), 1), test = Dataset::test(generate(name, {{"part", 1}}), train);
  std::vector<double> weights(train.features());
  const auto each = [](const Example& e, const auto& f) {
    for (std::uint32_t k = 0; k < e.size; ++k)
      f(e.ids ? e.ids[k] : k, e.values ? static_cast<double>(e.values[k]) : 1.0);
  };
  const auto dot = [&](const Example& e) {
    double sum = 0;
    each(e, [&](std::uint32_t id, double x) { sum += weights[id] * x; });
    return sum;
  };
  for (std::size_t k = 0; k < 2 * train.size(); ++k) {
    const Example e = train.examples()[k % train.size()];
    const double label = static_cast<double>(e.label);
    if (label * dot(e) <= 0) each(e, [&](std::uint32_t id, double x) { weights[id] += label * x; });
  }
  std::size_t right = 0;
  for (std::size_t i = 0; i < test.size(); ++i)
    right += (dot(test.examples()[i]) > 0) == (test.examples()[i].label > 0) ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(test.size());
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("every generated set shows the sparsity that it declares, in both parts") {
    for (const Synthetic& set : synthetics())
      for (const double part : {0.0, 1.0}) {
        CAPTURE(set.name);
        if (part > 0 && !set.defaults.contains("part")) continue;
        const Columns columns = generate(
            set.name, part > 0 ? std::map<std::string, double>{{"part", part}} : std::map<std::string, double>{});
        const Statistics found = statistics(columns);
        if (set.defaults.contains("examples"))
          CHECK(found.examples == static_cast<std::size_t>(set.defaults.at("examples")));
        CHECK(found.omega >= static_cast<std::size_t>(set.omega[0]));
        CHECK(found.omega <= static_cast<std::size_t>(set.omega[1]));
        CHECK(found.delta >= set.delta[0]);
        CHECK(found.delta <= set.delta[1]);
        CHECK(found.kappa >= set.kappa[0]);
        CHECK(found.kappa <= set.kappa[1]);
        CHECK(conflicts(columns, 1, 1).rho >= found.delta);
        CHECK(columns.name == "synthetic:" + std::string(set.name));
      }
  }

  TEST_CASE("the same settings give the same set, whatever the threads; other seeds and parts another") {
    for (const Synthetic& set : synthetics()) {
      CAPTURE(set.name);
      const std::map<std::string, double> settings = few(set);
      const Columns columns = generate(set.name, settings);
      CHECK(columns.examples() == (set.format == Format::cut ? 1200 + 39 * 30 + 40 * 29 : 3000));
#ifndef __SANITIZE_THREAD__
      for (const std::size_t threads : {1u, 4u}) {
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
        CHECK(same(generate(set.name, settings), columns));
      }
#endif
      auto other = settings;
      other["seed"] = 2;
      CHECK_FALSE(same(generate(set.name, other), columns));
      if (!set.defaults.contains("part")) continue;
      other = settings;
      other["part"] = 1;
      CHECK_FALSE(same(generate(set.name, other), columns));
    }
  }

  TEST_CASE("examples hold no id twice, values are finite, texts have length 1") {
    for (const Synthetic& set : synthetics()) {
      CAPTURE(set.name);
      const Columns columns = generate(set.name, few(set));
      bool good = true;
      for (std::size_t i = 0; i < columns.examples(); ++i) {
        const std::size_t begin = columns.offsets.empty() ? i * columns.width : columns.offsets[i];
        const std::size_t end = columns.offsets.empty() ? begin + columns.width : columns.offsets[i + 1];
        if (!columns.ids.empty() && columns.spaces == 1)
          good &= std::set(columns.ids.data() + begin, columns.ids.data() + end).size() == end - begin;
        double squares = 0;
        if (!columns.values.empty())
          for (std::size_t k = begin; k < end; ++k)
            squares += static_cast<double>(columns.values[k]) * static_cast<double>(columns.values[k]);
        if (!columns.offsets.empty() && set.format == Format::classification) good &= std::abs(squares - 1) < 1e-5;
        good &= std::isfinite(squares);
      }
      CHECK(good);
    }
  }

  TEST_CASE("keys change what they name") {
    const Statistics text =
        statistics(generate("rcv1", {{"examples", 20000}, {"features", 5000}, {"nonzeros", 30}, {"hottest", 0.2}}));
    CHECK(text.features <= 5000);
    CHECK(text.delta == doctest::Approx(0.2).epsilon(0.07));
    CHECK(static_cast<double>(text.nonzeros) / 20000 == doctest::Approx(30).epsilon(0.05));
    const Statistics steep = statistics(generate("zipf", {{"examples", 2000}, {"exponent", 2}}));
    CHECK(steep.features < statistics(generate("zipf", {{"examples", 2000}, {"exponent", 0.8}})).features / 2);
    const Columns ratings =
        generate("netflix", {{"examples", 20000}, {"users", 500}, {"items", 300}, {"hottest", 0.01}});
    CHECK(statistics(ratings).features == 800);
    std::set<std::pair<std::uint32_t, std::uint32_t>> pairs;
    for (std::size_t i = 0; i < ratings.examples(); ++i) pairs.emplace(ratings.ids[2 * i], ratings.ids[2 * i + 1]);
    CHECK(pairs.size() == 20000);  // nobody rates anything twice
    std::set<float> stars(ratings.labels.begin(), ratings.labels.end());
    CHECK(stars == std::set<float>{1, 2, 3, 4, 5});
    CHECK(generate("dense", {{"examples", 10}, {"features", 7}}).values.size() == 70);
    CHECK(statistics(generate("cold", {{"examples", 10}, {"nonzeros", 3}})).nonzeros == 30);
    CHECK(generate("netflix", {{"examples", 1}, {"users", 1}, {"items", 1}}).examples() == 1);
  }

  TEST_CASE("labels can be learned, and both classes occur") {
    for (const auto& expected : {std::pair("rcv1", 0.65), std::pair("zipf", 0.65), std::pair("dense", 0.80)}) {
      const std::string_view name = expected.first;
      CAPTURE(name);
      const Columns columns = generate(name);
      const auto positive = static_cast<double>(std::count(columns.labels.begin(), columns.labels.end(), 1.f));
      CHECK(std::abs(positive / static_cast<double>(columns.examples()) - 0.5) < 0.15);
      CHECK(accuracy(name) > expected.second);
    }
  }
}
