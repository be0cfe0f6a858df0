// Least squares: the solution of the normal equations.
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/model/squared.hpp>

#include "model/gradient.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr std::size_t kFeatures = 3;

Dataset noisy_numbers() {
  Random random(4);
  Columns columns;
  columns.name = "numbers";
  columns.width = kFeatures;
  for (std::size_t i = 0; i < 400; ++i) {
    double label = 2 + random.normal() / 2;
    for (std::size_t j = 0; j < kFeatures; ++j) {
      columns.values.push_back(static_cast<float>(random.normal()));
      label += (static_cast<double>(j) - 0.5) * static_cast<double>(columns.values.back());
    }
    columns.labels.push_back(static_cast<float>(label));
  }
  return Dataset::train(std::move(columns), 1);
}

/// Weights and intercept (last) that minimize mean (score - label)^2 / 2 + l2/2 |w|^2: Gauss-Jordan elimination.
std::vector<double> solution(const Dataset& data, double l2) {
  constexpr std::size_t n = kFeatures + 1;
  double system[n][n + 1] = {};
  const Examples examples = data.examples();
  for (std::size_t i = 0; i < examples.count; ++i) {
    double x[n + 1];
    for (std::size_t j = 0; j < kFeatures; ++j) x[j] = static_cast<double>(examples[i].values[j]);
    x[kFeatures] = 1;
    x[n] = static_cast<double>(examples[i].label);
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t c = 0; c <= n; ++c) system[r][c] += x[r] * x[c] / static_cast<double>(examples.count);
  }
  for (std::size_t j = 0; j < kFeatures; ++j) system[j][j] += l2;
  for (std::size_t pivot = 0; pivot < n; ++pivot)
    for (std::size_t r = 0; r < n; ++r) {
      if (r == pivot) continue;
      const double factor = system[r][pivot] / system[pivot][pivot];
      for (std::size_t c = 0; c <= n; ++c) system[r][c] -= factor * system[pivot][c];
    }
  std::vector<double> result;
  for (std::size_t r = 0; r < n; ++r) result.push_back(system[r][n] / system[r][r]);
  return result;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("squared: ends at the solution of the normal equations, with and without l2") {
    const Dataset data = noisy_numbers();
    for (const double l2 : {0., 0.5}) {
      CAPTURE(l2);
      const std::vector<double> expected = solution(data, l2);
      const Kernel kernel = builtin_kernel({.model = ModelName::squared, .l2 = l2}, data);
      Options options = options_for(Mode::serial, 60);
      options.step = 0.05;
      const Result result = train(kernel, data, options);
      for (std::size_t j = 0; j < kFeatures; ++j)
        CHECK(std::abs(static_cast<double>(result.parameters.row(0, j)[0]) - expected[j]) < 0.01);
      CHECK(std::abs(static_cast<double>(result.parameters.row(1, 0)[0]) - expected[kFeatures]) < 0.01);
    }
    CHECK(std::abs(solution(data, 0)[2] - solution(data, 0.5)[2]) > 0.1);  // what 0.01 can tell apart
  }

  TEST_CASE("squared: the default step suits the longest example, too") {
    Columns columns;
    columns.name = "one long example";
    columns.width = 1;
    columns.values.assign(100, 1.f);
    columns.values[0] = 100;
    columns.labels.assign(100, 1.f);
    const Dataset data = Dataset::train(columns, 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::squared}, data);
    CHECK(kernel.default_step == doctest::Approx(1 / 1e4));
    CHECK(train(kernel, data, options_for(Mode::serial, 5)).stopped == Stopped::epochs);
  }

  TEST_CASE("squared: losses and slopes are those of the definition") {
    CHECK(SquaredLoss::value(1, 3) == 2);
    CHECK(SquaredLoss::slope(1, 3) == 2);
    CHECK(SquaredLoss::slope(3, 1) == -2);
  }
}
