// Sums of rows over all ranks, each of which touched some.
#pragma once

#include <memory>

#include "reduce/reducer.hpp"
#include "reduce/row_sums.hpp"

namespace sounder::mpi {

/// Adds up rows: the union of the ranks' rows, each the sum over the ranks that have it. Called by all ranks in the same order.
///
/// What every rank has at hand is told first: how many bytes its rows are, and if they are few, the rows. From these numbers all
/// decide alike for what moves less: the rows of each rank to all others, added up in the order of the ranks, (P - 1) times their
/// bytes; or the whole tables through the reducer, 2 (P - 1) / P times theirs (the switch of Renggli et al., "SparCML", SC 2019), in place where every rank has all of them.
class RowReducer {
 public:
  RowReducer(Endpoint& endpoint, std::unique_ptr<Reducer> reducer, const RowNumbers& numbers);

  /// The same bytes on all ranks. Throws RankLost.
  RowSums sum(RowSums mine);
  /// Of the calls so far, those that sent tables.
  std::uint64_t dense_sums() const { return dense_sums_; }

 private:
  RowSums in_place(RowSums mine);
  RowSums dense(const RowSums& mine, bool decays, bool all_rows);

  Endpoint& endpoint_;
  std::unique_ptr<Reducer> reducer_;
  const RowNumbers numbers_;
  std::vector<float> tables_;  ///< what goes through the reducer; kept, so that it is allocated once
  std::uint64_t dense_sums_ = 0;
};

}  // namespace sounder::mpi
