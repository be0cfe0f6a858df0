#include "reduce/shard_tree.hpp"

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::mpi {
std::vector<TreeNode> subtrees(int first, int last) {
  std::vector<TreeNode> nodes;
  while (first < last) {
    int level = 0;
    while (level < kTop && first % (2 << level) == 0 && first + (2 << level) <= last) ++level;
    nodes.push_back({level, first >> level});
    first += 1 << level;
  }
  return nodes;
}

void ShardTree::add(TreeNode node, RowSums sums) {
  for (;;) {
    RowSums other;
    {
      const std::lock_guard lock(mutex_);
      const auto found = node.level < kTop ? nodes_.find({node.level, node.index ^ 1}) : nodes_.end();
      if (found == nodes_.end()) {
        if (!nodes_.emplace(node, std::move(sums)).second)
          throw Error(fmt::format("shards {} ... were added up twice: give each rank its own", node.index << node.level));
        return;
      }
      other = std::move(found->second);
      nodes_.erase(found);
    }
    // A row that only one side has is taken over as it is, so a shard without a row and a shard that is not there are alike.
    const bool left = node.index % 2 == 0;
    if (sums.count == 0)
      sums = std::move(other);
    else if (other.count > 0)
      sums = left ? sounder::mpi::add(sums.view(), other.view(), numbers_) : sounder::mpi::add(other.view(), sums.view(), numbers_);
    node = {node.level + 1, node.index / 2};
  }
}

RowSums ShardTree::take(TreeNode node) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) throw Error(fmt::format("the sum of shards {} ... is missing", node.index << node.level));
  RowSums sums = std::move(found->second);
  nodes_.erase(found);
  return sums;
}

RowSums ShardTree::top() { return take({kTop, 0}); }

NodeViews::Sum NodeViews::sum(TreeNode node, const RowNumbers& numbers) const {
  if (const auto found = nodes_.find(node); found != nodes_.end()) return {found->second, {}};
  if (node.level == 0) throw Error(fmt::format("the gradients of shard {} are missing", node.index));
  Sum left = sum({node.level - 1, 2 * node.index}, numbers), right = sum({node.level - 1, 2 * node.index + 1}, numbers);
  if (left.view.count == 0) return right;  // vectors that are moved stay where they are in memory
  if (right.view.count == 0) return left;
  Sum both{{}, sounder::mpi::add(left.view, right.view, numbers)};
  both.view = both.own.view();
  return both;
}

RowSums NodeViews::top(const RowNumbers& numbers) const {
  Sum all = sum({kTop, 0}, numbers);
  if (!all.own.sums.empty() || all.view.count == 0) return std::move(all.own);
  return {all.view.count, all.view.first, {all.view.numbers.begin(), all.view.numbers.end()}, {all.view.sums.begin(), all.view.sums.end()},
          {all.view.decays.begin(), all.view.decays.end()}};
}

}  // namespace sounder::mpi
