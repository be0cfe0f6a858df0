// HotRows: the plan of mode `cached`.
#include <map>

#include <doctest/doctest.h>

#include "hot_rows.hpp"
#include "shm/hot_sum.hpp"

using namespace sounder;
using namespace sounder::test;
using shm::HotRows;
using shm::HotRowsOptions;

namespace {

/// The blocks of one table, by their place in it, each with its doublings.
std::map<std::size_t, int> blocks_of(const HotRows& plan, const Layout& layout, std::size_t table) {
  std::map<std::size_t, int> blocks;
  for (const HotRows::Block& block : plan.blocks)
    if (block.offset >= layout.offset(table) && block.offset < layout.offset(table) + plan.head_floats[table])
      CHECK(blocks.emplace((block.offset - layout.offset(table)) / kBlockFloats, block.doublings).second);
  return blocks;
}

/// In which share of the examples the hottest row of a block, and all of them together, are touched.
std::pair<double, double> touches_of(const Dataset& data, std::size_t block, std::size_t stride) {
  double hottest = 0, all = 0;
  for (std::size_t row = block * kBlockFloats / stride;
       row < data.features() && row * stride < (block + 1) * kBlockFloats; ++row) {
    const double share = data.frequencies()[row] / static_cast<double>(data.size());
    hottest = std::max(hottest, share);
    all += share;
  }
  return {hottest, all};
}

void check_plan(const Kernel& kernel, const Dataset& data, const HotRowsOptions& options) {
  const HotRows plan(kernel, data, options);
  const Layout& layout = kernel.layout;
  std::size_t heads = 0;
  for (std::size_t table = 0; table < layout.tables(); ++table) {
    CAPTURE(table);
    const std::size_t stride = layout.stride(table), head = plan.head_floats[table];
    heads += head;
    CHECK(head % kPageFloats == 0);
    const std::size_t end = table + 1 < layout.tables() ? layout.offset(table + 1) : layout.floats();
    CHECK(layout.offset(table) + head <= end);
    // No page is private that holds no row which may be.
    CHECK(head < std::min(options.most_rows, layout.shape(table).rows) * stride + kPageFloats);

    const auto blocks = blocks_of(plan, layout, table);  // checks that none is there twice
    CHECK(blocks.size() == head / kBlockFloats);         // hence each is there once
    if (layout.shape(table).space != 0) continue;
    for (std::size_t block = 0; block * kBlockFloats < data.features() * stride; ++block) {
      CAPTURE(block);
      const auto [hottest, all] = touches_of(data, block, stride);
      const bool may_be_hot = block * kBlockFloats < std::min(options.most_rows, data.features()) * stride;
      if (!blocks.contains(block)) {
        CHECK((all < options.least_touches || !may_be_hot));
        continue;
      }
      if (!may_be_hot) continue;
      const int doublings = blocks.at(block);
      const double period = options.updates * std::exp2(doublings);
      CHECK(period <= options.longest_period);
      if (doublings > 0)
        CHECK(period * hottest <= options.updates * (1 + 1e-9));  // never more own updates than asked for
      if (2 * period <= options.longest_period) CHECK(2 * period * hottest > options.updates);  // and not half as many
    }
  }
  CHECK(heads / kBlockFloats == plan.blocks.size());

  // due[z]: the leading blocks with at most z doublings.
  for (std::size_t i = 1; i < plan.blocks.size(); ++i) CHECK(plan.blocks[i - 1].doublings <= plan.blocks[i].doublings);
  for (std::size_t z = 0; z < plan.due.size(); ++z) {
    CAPTURE(z);
    const std::size_t due = plan.due[z];
    REQUIRE(due <= plan.blocks.size());
    if (due > 0) CHECK(plan.blocks[due - 1].doublings <= static_cast<int>(z));
    if (due < plan.blocks.size()) CHECK(plan.blocks[due].doublings > static_cast<int>(z));
  }
  if (!plan.blocks.empty()) {
    REQUIRE(!plan.due.empty());
    CHECK(plan.due.back() == plan.blocks.size());  // every block is due some time
  }
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("hot rows: the plan covers the heads once, and merges by frequency") {
    const Dataset data = hot_examples(8000), text = small_set(ModelName::logistic);
    const Kernel sums = make_kernel(HotSum<true>{}, data, "sums"), logistic = builtin_kernel({}, text);
    for (const int updates : {1, 2, 16, 256})
      for (const std::size_t most : {std::size_t{0}, std::size_t{5}, std::size_t{1500}, std::size_t{65'536}}) {
        CAPTURE(updates);
        CAPTURE(most);
        check_plan(sums, data, {.updates = updates, .most_rows = most});
        check_plan(logistic, text, {.updates = updates, .most_rows = most});
      }
  }

  TEST_CASE("hot rows: none where every row is rare, or none is wanted") {
    const Dataset data = hot_examples(8000);
    const Kernel sums = make_kernel(HotSum<true>{}, data, "sums");
    CHECK(HotRows(sums, data, {.most_rows = 0}).blocks.empty());
    CHECK(HotRows(sums, data, {.least_touches = 1e9}).blocks.empty());
    CHECK(HotRows(sums, data, {}).head_floats[0] == kPageFloats);  // five hot rows: one page
    CHECK(HotRows(sums, data, {}).head_floats[1] == kPageFloats);
  }

  TEST_CASE("hot rows: the intercept is hot, as the model does not name it in touches()") {
    const Dataset text = small_set(ModelName::logistic);
    const Kernel logistic = builtin_kernel({}, text);
    const HotRows plan(logistic, text, {.updates = 16});
    const auto blocks = blocks_of(plan, logistic.layout, 1);
    REQUIRE(blocks.contains(0));
    CHECK(blocks.at(0) == 4);  // moved once in 16 examples: 16 updates are 2^4 times 16 examples
  }
}
