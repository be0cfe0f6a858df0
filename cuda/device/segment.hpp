// What a stream steps on in one go, and the loop over it that every kernel runs, on a GPU or played by a thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sounder/data/dataset.hpp>
#include <sounder/params/table.hpp>

namespace sounder::cuda {

/// All addresses are of the device. Chunks are those of the run's ChunkQueue: examples of chunk c begin at c * per_chunk.
struct Segment {
  Cells cells;
  Examples examples{};
  const float* rarity = nullptr;         ///< Dataset::rarity of id space 0
  const std::uint32_t* order = nullptr;  ///< of the chunks, in this epoch
  std::size_t first = 0, chunks = 0;     ///< positions in the order
  std::size_t per_chunk = 0;
  float rate = 0;
  int groups = 1;                        ///< workers
  std::uint32_t seed = 0;                ///< of what they draw: another one for each segment
  /// Not 0: gather. `cells` then reads the parameters, and writes sums of b * x; so many floats behind each is the sum of a. Of programs
  /// for StepForm::gathers, at a rate of -1: the intercept's gradient is added as a step is.
  std::ptrdiff_t decays = 0;
};

/// Examples between an opening of the intercept and its closing.
inline constexpr std::size_t kPiece = 16;

/// An example of so many ids and no values, held in registers: what stands in memory is asked for one step ahead.
template <int kArity>
struct HeldExample {
  std::uint32_t ids[kArity];
  float label;

  SOUNDER_INLINE HeldExample(const Examples& examples, std::size_t i) : label(examples.labels[i]) {
    SOUNDER_UNROLL for (std::size_t j = 0; j < kArity; ++j) ids[j] = examples.ids[i * kArity + j];
  }
  SOUNDER_INLINE operator Example() const { return {ids, nullptr, kArity, label}; }
};

/// Steps on the examples [i, end), i < end.
template <class M, class View>
SOUNDER_INLINE void step_on(const M& model, View& view, const Examples& examples, std::size_t i, std::size_t end) {
  if constexpr (requires { M::kArity; }) {
    HeldExample<M::kArity> next(examples, i);
    for (; i < end; ++i) {
      const HeldExample<M::kArity> held = next;
      next = HeldExample<M::kArity>(examples, i + 1 < end ? i + 1 : i);
      model.step(view, held);
    }
  } else {
    for (; i < end; ++i) model.step(view, examples[i]);
  }
}

/// The part of worker `group`: every groups-th piece of the segment. Neighbouring groups step on neighbouring pieces. Numbers of
/// pieces and chunks have 32 bits: GPUs divide longer ones by calling a function.
template <class M, class View>
SOUNDER_INLINE void step_on_pieces(const M& model, View& view, const Segment& segment, std::size_t group) {
  const auto pieces_of_chunk = static_cast<std::uint32_t>((segment.per_chunk + kPiece - 1) / kPiece);
  const auto pieces = static_cast<std::uint32_t>(segment.chunks) * pieces_of_chunk;
  for (auto piece = static_cast<std::uint32_t>(group); piece < pieces; piece += static_cast<std::uint32_t>(segment.groups)) {
    const std::size_t chunk = segment.order[segment.first + piece / pieces_of_chunk];
    const std::size_t in_chunk = piece % pieces_of_chunk * kPiece;
    const std::size_t begin = chunk * segment.per_chunk + in_chunk;
    std::size_t end = begin + (segment.per_chunk - in_chunk < kPiece ? segment.per_chunk - in_chunk : kPiece);
    if (end > segment.examples.count) end = segment.examples.count;
    if (begin >= end) continue;  // the last chunk may be short
    if constexpr (requires { M::intercept; }) view.open_intercept(M::intercept);
    step_on(model, view, segment.examples, begin, end);
    if constexpr (requires { M::intercept; }) view.close_intercept(M::intercept);
  }
}

}  // namespace sounder::cuda
