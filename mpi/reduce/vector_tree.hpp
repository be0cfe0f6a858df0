// The tree over the virtual shards where every subtree has the whole vector: added up in the place of one of them.
#pragma once

#include <span>
#include <vector>

#include "reduce/shard_tree.hpp"
#include "reduce/walk.hpp"

namespace sounder::mpi {

/// A node, and where its floats lie.
struct TreeFloats {
  TreeNode node;
  const float* floats;
};

/// to = the sum at the top, each addition left + right as in a ShardTree; `to` may be one of the nodes. The nodes stand from left to right.
void add_up(std::span<const TreeFloats> nodes, std::span<float> to);

/// How a sum of vectors is spread over ranks: part p of them is added up by rank p % owners. The same on all ranks.
struct VectorTree {
  std::vector<std::vector<TreeNode>> nodes;  ///< of each rank: where its vectors belong
  std::size_t own, owners, parts;
};

/// sum = the sum over the tree of `own`, the vectors of this rank, and those of the others. It may be one of `own`, and all stay as they are until the walks have ended.
Walk sum_over(Lane to_owner, Lane to_all, const VectorTree& tree, std::span<const std::span<const float>> own, std::span<float> sum);

}  // namespace sounder::mpi
