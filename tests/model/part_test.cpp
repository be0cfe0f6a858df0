// Models of some of the examples: what they take from the data is that of all of them.
#include <memory>
#include <numeric>
#include <vector>

#include <doctest/doctest.h>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// The first examples of a set, of which the census tells.
Dataset first_of(const Columns& whole, std::size_t examples) {
  std::vector<IdCounts> by_space;
  for (std::uint32_t space = 0; space < whole.spaces; ++space) by_space.push_back(count_ids(whole, space));
  auto census = std::make_shared<Census>(census_of(whole.examples(), whole.nonzeros(), by_space, whole, {}));
  census->sums = Dataset::train(whole, 1).sums();  // added up in the same order as for the whole
  Columns part = whole;
  part.labels.resize(examples);
  if (!part.offsets.empty()) part.offsets.resize(examples + 1);
  if (!part.ids.empty()) part.ids.resize(part.nonzeros());
  if (!part.values.empty()) part.values.resize(part.nonzeros());
  std::vector<std::uint32_t> order(examples);
  std::iota(order.begin(), order.end(), 0u);
  return Dataset::part(std::move(part), order, order, std::move(census), "0000000000000000");
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("models of a part have the layout, the start, the penalty and the default step of the whole") {
    for (const auto& model : kModels) {
      CAPTURE(model.name);
      const Columns columns = small_columns(model.value, 900);
      const Dataset whole = Dataset::train(columns, 1);
      const ModelOptions options{.model = model.value, .l2 = model.value == ModelName::cut ? 0. : 1e-2};
      const Kernel expected = builtin_kernel(options, whole, RuleName::sgd);
      Parameters start(expected.layout);
      expected.initialize(start, 3);
      for (const std::size_t examples : {std::size_t{0}, columns.examples() / 3}) {
        const Dataset part = first_of(columns, examples);
        CHECK(part.size() == examples);
        const Kernel kernel = builtin_kernel(options, part, RuleName::sgd);
        CHECK(kernel.default_step == expected.default_step);
        Parameters parameters(kernel.layout);
        kernel.initialize(parameters, 3);
        CHECK(weights_of(parameters) == weights_of(start));
        CHECK(kernel.penalty(parameters) == expected.penalty(start));
      }
    }
  }
}
