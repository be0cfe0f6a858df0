// The mean over the ranks of the weights of a model: every rank owns a slice, adds up what all send it, and tells all.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <sounder/params/table.hpp>

#include "endpoint.hpp"

namespace sounder::mpi {

/// Weights are packed as by pack() (modes/mode.hpp). Each element is added up on one rank, in double precision and in the order of the
/// ranks: all ranks get the same bits, whatever their processors are. A reduction is two collectives of size() - 1 messages a rank,
/// and sends 2 (P - 1) / P of the weights, or less. Called by all ranks alike, by one thread of each. Throws RankLost.
class MeanReducer {
 public:
  MeanReducer(Endpoint& endpoint, const Layout& layout);

  /// Replaces `values` by the mean of all ranks', each weighted by the `weight` that it gives (0 or more; 0: it does not count).
  /// Throws Error if all give 0.
  void reduce(std::span<float> values, double weight);

  /// What the owner of a slice still does to a mean before all are told of it: `begin` is where it lies among the packed weights. Of one
  /// table at a time, whole rows.
  using Finish = std::function<void(std::size_t table, std::size_t begin, std::span<const float> base, std::span<float> mean)>;

  /// The same for values that began as `base`, the same on all ranks: only rows that differ from it travel, where that is fewer
  /// bytes; the mean has the same bits either way. If all give weight 0, it is `base`.
  void reduce(std::span<const float> base, std::span<float> values, double weight, const Finish& finish = {});

  /// The slice of this rank, as places among the packed weights.
  std::size_t slice_begin() const { return slices_[me()].begin; }
  std::size_t slice_end() const { return slices_[me() + 1].begin; }

  std::uint64_t bytes() const { return bytes_; }              ///< that this rank has sent
  std::uint64_t dense_bytes() const { return dense_bytes_; }  ///< that it would have, had all rows travelled every time

 private:
  struct Rows {  ///< of one table
    std::size_t rows, width, begin;
  };
  struct Slice {  ///< begins at a row
    std::size_t begin, table, row;
  };
  std::size_t me() const { return static_cast<std::size_t>(endpoint_.rank()); }
  template <class F>
  void each_run(std::size_t rank, F f) const;
  Payload encode(std::size_t rank, const float* base, const float* values, double weight) const;
  void own(std::span<const float> base, const std::vector<Payload>& parts, std::span<float> mean) const;

  Endpoint& endpoint_;
  std::vector<Rows> tables_;
  std::vector<Slice> slices_;  ///< by rank, and the end
  std::uint64_t bytes_ = 0, dense_bytes_ = 0;
};

}  // namespace sounder::mpi
