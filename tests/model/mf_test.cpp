// Matrix factorization: what a row holds beside its factors.
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr int kFactors = 20, kWidth = 32;  // slots 18 to 29 are unused, 30 and 31 the biases

/// How many of the slots [begin, end) of rows [first, last) of a table are not exactly +0.
std::size_t nonzeros(const Parameters& parameters, std::size_t table, std::size_t first, std::size_t last, int begin,
                     int end) {
  std::size_t count = 0;
  for (std::size_t row = first; row < last; ++row)
    for (int k = begin; k < end; ++k) count += parameters.row(table, row)[static_cast<std::size_t>(k)] != 0;
  return count;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("mf: slots that belong to nobody stay exactly 0 in every mode, and so does the row of the unknown") {
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = builtin_kernel({.model = ModelName::mf, .l2 = 1e-2, .factors = kFactors}, data);
    REQUIRE(kernel.layout.shape(0).width == kWidth);
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      const Result result = train(kernel, data, options_for(mode.value, 3, 2));
      for (std::uint32_t side = 0; side < 2; ++side) {
        const std::size_t known = data.numbering(side).size();
        const int own_bias = side == 0 ? kWidth - 2 : kWidth - 1, other_bias = side == 0 ? kWidth - 1 : kWidth - 2;
        const Parameters& parameters = result.parameters;
        REQUIRE(kernel.layout.shape(side).rows == known + 1);
        CHECK(nonzeros(parameters, side, 0, known, 0, kFactors - 2) == known * (kFactors - 2));
        CHECK(nonzeros(parameters, side, 0, known, own_bias, own_bias + 1) > known * 9 / 10);  // they have learnt
        CHECK(nonzeros(parameters, side, 0, known, kFactors - 2, kWidth - 2) == 0);
        CHECK(nonzeros(parameters, side, 0, known, other_bias, other_bias + 1) == 0);
        CHECK(nonzeros(parameters, side, known, known + 1, 0, kWidth) == 0);
      }
      double sum = 0;
      for (const float label : data.labels()) sum += static_cast<double>(label);
      CHECK(result.parameters.row(2, 0)[0] == static_cast<float>(sum / static_cast<double>(data.size())));
    }
  }

  TEST_CASE("mf: the prediction is mean + biases + factors, and what is unknown adds nothing") {
    Columns columns, held_out;
    columns.name = held_out.name = "ratings";
    columns.spaces = columns.width = held_out.spaces = held_out.width = 2;
    columns.ids = {100, 7, 100, 9, 200, 7};
    columns.labels = {1, 2, 3};
    held_out.ids = {100, 7, 555, 7, 100, 555, 555, 555};
    held_out.labels = {0, 0, 0, 0};
    const Dataset data = Dataset::train(columns, 1), test = Dataset::test(held_out, data);
    const Kernel kernel = builtin_kernel({.model = ModelName::mf, .factors = 5}, data);
    Parameters parameters(kernel.layout);
    kernel.initialize(parameters, 1);
    const auto p = parameters.row(0, data.numbering(0).row_of(100)), q = parameters.row(1, data.numbering(1).row_of(7));
    for (const auto& row : {p, q}) std::fill(row.begin(), row.end(), 0.f);
    p[0] = 2, p[1] = 3, p[2] = 1, p[14] = 0.5f;
    q[0] = 5, q[1] = 7, q[2] = -1, q[15] = 0.25f;
    double predictions[4];
    kernel.predict(kernel.model.get(), parameters.cells(), test.examples(), 0, 4, predictions);
    CHECK(predictions[0] == 2 + 0.5 + 0.25 + 30);
    CHECK(predictions[1] == 2 + 0.25);  // unknown user
    CHECK(predictions[2] == 2 + 0.5);   // unknown item
    CHECK(predictions[3] == 2);
  }

  TEST_CASE("mf: the start depends on the seed and the original ids, not on the numbering") {
    Columns columns;
    columns.name = "ratings";
    columns.spaces = columns.width = 2;
    columns.ids = {100, 7, 100, 9, 200, 7};
    columns.labels = {1, 2, 3};
    const auto start_of = [](const Columns& set, std::uint64_t seed, std::uint32_t user) {
      const Dataset data = Dataset::train(set, 1);
      const Kernel kernel = builtin_kernel({.model = ModelName::mf, .factors = 5}, data);
      Parameters parameters(kernel.layout);
      kernel.initialize(parameters, seed);
      const auto row = parameters.row(0, data.numbering(0).row_of(user));
      return std::vector<float>(row.begin(), row.end());
    };
    Columns more = columns;  // now user 200 is the most frequent
    more.ids.insert(more.ids.end(), {200, 9, 200, 8});
    more.labels.insert(more.labels.end(), {4, 5});
    CHECK(start_of(columns, 1, 200) == start_of(more, 1, 200));
    CHECK(start_of(columns, 1, 200) != start_of(columns, 2, 200));
    CHECK(start_of(columns, 1, 200) != start_of(columns, 1, 100));
  }

  TEST_CASE("mf: factors out of range and data of the wrong kind are refused") {
    const Dataset ratings = small_set(ModelName::mf);
    for (const int factors : {-1, 0, 2, 257})
      CHECK_THROWS_AS(builtin_kernel({.model = ModelName::mf, .factors = factors}, ratings), Error);
    for (const auto& model : kModels) {
      const bool wants_ratings = format_of(model.value) == Format::ratings;
      const Dataset own = small_set(model.value), other = small_set(wants_ratings ? ModelName::logistic : ModelName::mf);
      CHECK_NOTHROW(builtin_kernel({.model = model.value}, own));
      CHECK_THROWS_AS(builtin_kernel({.model = model.value}, other), Error);
      for (const double l2 : {-1., std::nan(""), HUGE_VAL})
        CHECK_THROWS_AS(builtin_kernel({.model = model.value, .l2 = l2}, own), Error);
    }
  }
}
