// Reducer `deterministic`: the sum over the virtual shards, the same bits for any number of ranks.
#pragma once

#include <span>
#include <vector>

#include "reduce/reducer.hpp"
#include "reduce/shard_tree.hpp"
#include "reduce/walk.hpp"

namespace sounder::mpi {

/// How the work is cut among ranks. None of it changes a bit of the sum.
struct TreeOptions {
  std::size_t chunk_bytes = kChunkBytes;
  int workers = 0;  ///< ranks 0 ... workers - 1 own the shards; 0: all do
  /// How many floats of each row one batch is expected to touch, up to the same factor on all ranks: so that the owners of parts
  /// have equal work. Empty: all alike.
  std::span<const float> load;
};

/// Finishes the tree over the virtual shards between ranks: rank r of P workers owns shards 64 r / P ... and gives the sums of its subtrees.
/// Few bytes go from each to all; many are cut by rows into parts, each of which one rank adds up and hands out: about
/// 2 (P - 1) / P of the bytes of a subtree for each rank, as in a ring; where all subtrees have all rows, in place (vector_tree.hpp). Above 16 ranks fewer add up (owners.hpp): parts for all would be
/// P x P messages. Called by all ranks in the same order.
class TreeReducer {
 public:
  TreeReducer(Endpoint& endpoint, const RowNumbers& numbers, const TreeOptions& options = {});
  virtual ~TreeReducer() = default;
  TreeReducer(const TreeReducer&) = delete;
  TreeReducer& operator=(const TreeReducer&) = delete;

  /// `shards` holds the sums of all shards of this rank; empty afterwards. The same bytes on all ranks, for any number of them.
  RowSums sum(ShardTree& shards);

 protected:
  /// Where in the tree what a rank calls `node` belongs. For tests: anything but the node itself is wrong.
  virtual TreeNode place(TreeNode node) const { return node; }

 private:
  std::vector<TreeNode> subtrees_of(int rank) const;
  std::vector<std::uint32_t> cuts(std::size_t parts) const;
  std::size_t parts(std::uint64_t most) const;
  Walk in_place(Lane offers, Lane to_owner, Lane to_all, const Payload& mine, std::vector<Payload>& told, std::vector<RowSums>& roots, RowSums& sum) const;
  RowSums in_parts(const std::vector<RowSums>& roots, std::size_t parts, bool decays);
  Walk add_up(Lane in, Lane out, const std::vector<RowSums>& roots, const std::vector<std::uint32_t>& bounds) const;
  Walk collect(Lane lane, std::size_t parts, bool decays, RowSums& sum) const;
  RowSums top_of(std::span<const Payload> told, std::size_t skip) const;

  Endpoint& endpoint_;
  const RowNumbers numbers_;
  std::size_t chunk_bytes_;
  int workers_;
  int owners_;  ///< of parts: the first ranks
  std::vector<double> load_before_;  ///< of the rows before each; the last: of all
};

}  // namespace sounder::mpi
