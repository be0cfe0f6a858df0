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
  std::size_t per_chunk = 0;             ///< a multiple of kPiece
  float rate = 0;
  int groups = 1;                        ///< workers
};

/// Examples between an opening of the intercept and its closing.
inline constexpr std::size_t kPiece = 16;

/// The part of worker `group`: every groups-th piece of the segment. Neighbouring groups step on neighbouring pieces.
template <class M, class View>
SOUNDER_INLINE void step_on_pieces(const M& model, View& view, const Segment& segment, std::size_t group) {
  const std::size_t pieces_of_chunk = segment.per_chunk / kPiece;
  for (std::size_t piece = group; piece < segment.chunks * pieces_of_chunk; piece += static_cast<std::size_t>(segment.groups)) {
    const std::size_t chunk = segment.order[segment.first + piece / pieces_of_chunk];
    std::size_t i = chunk * segment.per_chunk + piece % pieces_of_chunk * kPiece;
    const std::size_t end = i + kPiece < segment.examples.count ? i + kPiece : segment.examples.count;
    if (i >= end) continue;  // the last chunk may be short
    if constexpr (requires { M::intercept; }) view.open_intercept(M::intercept);
    for (; i < end; ++i) {
      if constexpr (requires { M::kArity; })
        model.step(view, segment.examples.template fixed<M::kArity>(i));
      else
        model.step(view, segment.examples[i]);
    }
    if constexpr (requires { M::intercept; }) view.close_intercept(M::intercept);
  }
}

}  // namespace sounder::cuda
