// Sums of rows over all ranks, each of which says its own in fewer bytes than they have.
#pragma once

#include <cstdint>
#include <memory>

#include "codec/codec.hpp"
#include "codec/error_feedback.hpp"
#include "endpoint.hpp"

namespace sounder::mpi {

/// Every rank's coded rows go to all others, (P - 1) times their bytes, and all add up the same in the order of the ranks. What a
/// code leaves out is added to the rank's rows of a later round. Called by all ranks in the same order.
class CodedReducer {
 public:
  /// `feedback`: false for tests alone, what is left out is then lost.
  CodedReducer(Endpoint& endpoint, const RowNumbers& numbers, std::unique_ptr<Codec> codec, bool feedback = true);

  /// The same bytes on all ranks. Throws RankLost.
  RowSums sum(RowSums mine);
  /// What the others were told of this rank's rows the last time.
  const RowSums& told() const { return told_; }
  /// Bytes of all codes that this rank made so far, each counted once.
  std::uint64_t code_bytes() const { return code_bytes_; }

 private:
  Endpoint& endpoint_;
  const RowNumbers& numbers_;
  const std::unique_ptr<Codec> codec_;
  const bool feedback_;
  ErrorFeedback left_out_;
  RowSums told_;
  std::uint64_t code_bytes_ = 0;
};

}  // namespace sounder::mpi
