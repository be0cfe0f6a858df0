// The tree over the virtual shards: one order of sums, whoever adds.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include <sounder/error.hpp>

#include "mpi/reduce/rows.hpp"
#include "reduce/shard_tree.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

namespace {

/// The sum of leaves [first, last) by halves: what the tree is.
RowSums by_halves(const std::vector<RowSums>& leaves, std::size_t first, std::size_t last, const RowNumbers& numbers) {
  if (last - first == 1) return leaves[first];
  const std::size_t middle = (first + last) / 2;
  return add(by_halves(leaves, first, middle, numbers).view(), by_halves(leaves, middle, last, numbers).view(), numbers);
}

std::vector<RowSums> random_leaves(const RowNumbers& numbers, double share) {
  std::vector<RowSums> leaves;
  for (int shard = 0; shard < kVirtualShards; ++shard)
    leaves.push_back(random_rows(numbers, static_cast<std::uint64_t>(shard), shard % 7 == 3 ? 0 : share, shard % 2 == 0));
  return leaves;
}

/// All ranks add up what they own, and one adds up what they have. `place`: where a rank's subtree goes.
RowSums by_ranks(const std::vector<RowSums>& leaves, int ranks, const RowNumbers& numbers,
                 const std::function<TreeNode(TreeNode)>& place = [](TreeNode node) { return node; }) {
  ShardTree top(numbers);
  for (int rank = 0; rank < ranks; ++rank) {
    const int first = first_shard_of(rank, ranks), last = first_shard_of(rank + 1, ranks);
    ShardTree own(numbers);
    for (int shard = last; shard-- > first;) own.add({0, shard}, leaves[static_cast<std::size_t>(shard)]);
    for (const TreeNode node : subtrees(first, last)) top.add(place(node), own.take(node));
  }
  return top.top();
}

bool equal(const RowSums& a, const RowSums& b) {
  return a.count == b.count && a.first == b.first && a.numbers == b.numbers && a.sums == b.sums && a.decays == b.decays;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("the subtrees of a rank cover its shards, each once, and are as large as can be") {
    for (int ranks = 1; ranks <= 70; ++ranks) {
      int covered = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const auto nodes = subtrees(first_shard_of(rank, ranks), first_shard_of(rank + 1, ranks));
        for (const TreeNode node : nodes) {
          CHECK((node.index << node.level) == covered);
          covered += 1 << node.level;
        }
        for (std::size_t i = 1; i < nodes.size(); ++i)  // two halves of one node would have been one node
          CHECK(!(nodes[i].level == nodes[i - 1].level && nodes[i - 1].index % 2 == 0));
      }
      CHECK(covered == kVirtualShards);
    }
    CHECK(subtrees(0, 64) == std::vector<TreeNode>{{6, 0}});
    CHECK(subtrees(21, 42) == std::vector<TreeNode>{{0, 21}, {1, 11}, {3, 3}, {3, 4}, {1, 20}});
  }

  TEST_CASE("the sum over the shards has the same bits for any number of ranks, and for sparse and for all rows") {
    const RowNumbers numbers(small_layout());
    for (const double share : {0.2, 1.}) {
      const std::vector<RowSums> leaves = random_leaves(numbers, share);
      const RowSums whole = by_halves(leaves, 0, leaves.size(), numbers);
      for (const int ranks : {1, 2, 3, 4, 5, 7, 8, 16, 63, 64, 65}) CHECK(equal(by_ranks(leaves, ranks, numbers), whole));
    }
  }

  TEST_CASE("a tree whose subtrees were put elsewhere is seen in the bits") {
    const RowNumbers numbers(small_layout());
    const std::vector<RowSums> leaves = random_leaves(numbers, 1);
    const RowSums whole = by_halves(leaves, 0, leaves.size(), numbers);
    // The mirror image on level 3: each sum still has all leaves, but in another order.
    const auto permuted = [](TreeNode node) { return node.level == 3 ? TreeNode{3, (node.index + 2) % 8} : node; };
    CHECK(!equal(by_ranks(leaves, 8, numbers, permuted), whole));
    // As a ring would: in the order of the ranks.
    RowSums fold;
    for (const RowSums& leaf : leaves) fold = add(fold.view(), leaf.view(), numbers);
    CHECK(fold.count == whole.count);
    CHECK(!equal(fold, whole));
  }

  TEST_CASE("threads that add up shards in any order get the same bits") {
    const RowNumbers numbers(small_layout());
    const std::vector<RowSums> leaves = random_leaves(numbers, 0.5);
    const RowSums whole = by_halves(leaves, 0, leaves.size(), numbers);
    for (int trial = 0; trial < 20; ++trial) {
      ShardTree tree(numbers);
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
          for (int shard = t; shard < kVirtualShards; shard += 4) tree.add({0, shard}, leaves[static_cast<std::size_t>(shard)]);
        });
      for (std::thread& thread : threads) thread.join();
      CHECK(equal(tree.top(), whole));
    }
  }

  TEST_CASE("a shard that is given twice, or not at all, is an error") {
    const RowNumbers numbers(small_layout());
    ShardTree tree(numbers);
    tree.add({0, 0}, {});
    CHECK_THROWS_AS(tree.add({0, 0}, {}), Error);
    CHECK_THROWS_AS(tree.top(), Error);
  }
}
