// Gradients in fewer bytes: one file of this folder for each way, named as its word of --codec. No communication here.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <sounder/modes.hpp>

#include "reduce/row_sums.hpp"

namespace sounder::mpi {

/// Writes rows down, not exactly. What is lost is the caller's to keep (error_feedback.hpp).
class Codec {
 public:
  virtual ~Codec() = default;
  /// Whether it takes what is worth most of all that waits; else rows wait until they are touched again.
  virtual bool chooses() const { return false; }
  /// `fresh`: how many of the floats are of the gradient of this round.
  virtual std::vector<std::byte> encode(const RowView& rows, std::size_t fresh) const = 0;
  /// What a receiver has of it, the same on all. Throws Error on bytes that are no such rows.
  virtual RowSums decode(std::span<const std::byte> bytes) const = 0;
};

inline constexpr std::size_t kCodecBlock = 64;  ///< floats that share a scale

std::unique_ptr<Codec> make_int8(const RowNumbers& numbers);
std::unique_ptr<Codec> make_onebit(const RowNumbers& numbers);
/// `share` of as many values as a round's gradient has, at least one.
std::unique_ptr<Codec> make_topk(const RowNumbers& numbers, double share);
/// By its flag; null: none. `numbers` must outlive it.
std::unique_ptr<Codec> make_codec(CodecName name, double topk_share, const RowNumbers& numbers);

}  // namespace sounder::mpi
