// The gradient of a batch of dense examples layer by layer: that of the last layers is complete before that of the first is begun, and
// that of the first comes row by row. So each part of it can travel while the next is computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>

namespace sounder {

/// A model as function pointers on pieces of a batch. Its first layer is table 0, a row for each input; the tables behind make up the rest,
/// and their rows are counted through from 0. Of each example `floats` are kept from one stage to the next, 0 in front of the first stage:
///   1. feed       adds what some inputs give to the first layer; the rows of all must come, in any pieces
///   2. turn       goes on to the loss and back to the first layer, at the parameters of the rest
///   3. rest       the gradient of some rows of the rest
///   4. first      the gradient of some rows of the first layer
/// All may run on different examples, or different rows, at once. Sums are over the examples in their order: the same bits in any pieces.
struct Layers {
  std::size_t floats;
  void (*feed)(const Cells&, std::span<const Example> batch, std::uint32_t begin, std::uint32_t end, float* kept);
  void (*turn)(const void* model, const Cells&, std::span<const Example> batch, float* kept);
  /// Write the sums of b * x of the rows, one behind the other.
  void (*rest)(const float* kept, std::size_t examples, std::size_t begin, std::size_t end, float* sums);
  void (*first)(std::span<const Example> batch, const float* kept, std::uint32_t begin, std::uint32_t end, float* sums);
  /// The a of a row in the gradient a * w + b * x of an example.
  float (*decay)(const void* model, RowId row);
};

/// Null: its gradient comes as a whole.
const Layers* layers_of(const Kernel& kernel);

}  // namespace sounder
