// A binary tree over the virtual shards: which sums are added to which, whoever does it and wherever.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <sounder/mpi/data.hpp>

#include "reduce/row_sums.hpp"

namespace sounder::mpi {

/// The sum of shards index * 2^level ... (index + 1) * 2^level - 1.
struct TreeNode {
  int level = 0, index = 0;
  friend bool operator==(const TreeNode&, const TreeNode&) = default;
  friend auto operator<=>(const TreeNode&, const TreeNode&) = default;
};

/// Level of the sum of all.
inline constexpr int kTop = std::countr_zero(static_cast<unsigned>(kVirtualShards));
static_assert(kVirtualShards == 1 << kTop);

/// Virtual shards that a rank owns: [first, last).
inline int first_shard_of(int rank, int ranks) { return static_cast<int>(std::int64_t{kVirtualShards} * rank / ranks); }

/// The largest whole subtrees that shards [first, last) hold, from left to right.
std::vector<TreeNode> subtrees(int first, int last);

/// Adds up what it is given, a node as soon as both its halves are there, always left + right. Each node is given or computed once.
/// So the sum at the top depends on the leaves alone: not on which rank had them, who added first, or how many threads did.
class ShardTree {
 public:
  explicit ShardTree(const RowNumbers& numbers) : numbers_(numbers) {}

  /// Any thread. The thread that brings the second half of a node adds it up, and goes on upwards.
  void add(TreeNode node, RowSums sums);
  /// What is there of a node, which then is not any more: one of those that could not be added to anything.
  RowSums take(TreeNode node);
  /// The sum of all shards.
  RowSums top();

 private:
  const RowNumbers& numbers_;
  std::mutex mutex_;
  std::map<TreeNode, RowSums> nodes_;  ///< guarded by mutex_
};

/// Nodes of which each lies somewhere, and that make up the tree.
class NodeViews {
 public:
  void add(TreeNode node, const RowView& rows) { nodes_.emplace(node, rows); }
  /// The same bits as of a ShardTree that is given the nodes; none of them is copied.
  RowSums top(const RowNumbers& numbers) const;

 private:
  struct Sum {
    RowView view;
    RowSums own;  ///< where the view looks, unless at a node
  };
  Sum sum(TreeNode node, const RowNumbers& numbers) const;

  std::map<TreeNode, RowView> nodes_;
};

}  // namespace sounder::mpi
