// Chunks that are copied to a device while those before them are trained on.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include <sounder/data/dataset.hpp>
#include <sounder/train/chunk_queue.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

/// Of one stream: two buffers in pinned memory and two on the device, filled in turn. While the stream trains on one, the other is
/// packed and copied. Used by one thread.
class ChunkFeed {
 public:
  /// Of the chunks of a set.
  struct Shape {
    std::size_t per_chunk;    ///< examples
    std::size_t entries;      ///< of a chunk, at most
    std::size_t bytes;        ///< of a chunk, at most
    std::size_t chunks;       ///< of the set
  };
  static Shape shape_of(const Examples& examples, std::size_t per_chunk);

  /// For so many chunks at a time of these examples.
  ChunkFeed(Device& device, const Examples& examples, const Shape& shape, std::size_t chunks);

  /// Chunks that a buffer holds for sure.
  std::size_t chunks() const { return chunks_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t per_chunk() const { return per_chunk_; }

  /// Packs the chunks at positions [first, last) of the queue into the buffer that was not filled last, and starts their copy;
  /// all work of `stream` on the two loads before must be done but that on the last. `from`: the examples that the queue is of.
  /// Says what a step on them needs, in place of first, chunks, order and examples of `common`.
  Segment load(const Examples& from, const ChunkQueue& queue, std::size_t first, std::size_t last, Segment common);
  /// The stream's later work waits for the copies so far.
  void before(Stream& stream) { stream.follow(*copies_); }

 private:
  /// The arrays of some examples, in one allocation.
  struct Buffer {
    std::shared_ptr<void> memory;
    std::uint64_t* offsets = nullptr;
    std::uint32_t* ids = nullptr;
    float* values = nullptr;
    float* labels = nullptr;
  };
  Buffer make(Device& device, Where where) const;
  std::size_t pack(const Examples& from, const Range& range, std::size_t examples, std::size_t entries, const Buffer& into) const;

  Examples like_;  ///< which arrays there are
  std::size_t per_chunk_, chunks_ = 0, entries_ = 0, bytes_ = 0;
  std::unique_ptr<Stream> copies_;
  std::array<Buffer, 2> host_, there_;
  std::shared_ptr<void> order_;  ///< 0, 1, ...: chunks lie in a buffer in the order in which they come
  std::size_t next_ = 0;
};

}  // namespace sounder::cuda
