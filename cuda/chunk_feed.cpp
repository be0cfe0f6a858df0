#include "chunk_feed.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace sounder::cuda {
namespace {

std::uint64_t begin_of(const Examples& x, std::size_t i) { return x.offsets ? x.offsets[i] : i * x.width; }

}  // namespace

ChunkFeed::Shape ChunkFeed::shape_of(const Examples& x, std::size_t per_chunk) {
  std::size_t most = 1;  // entries of a chunk, wherever it begins
  for (std::size_t i = 0; i < x.count; i += x.offsets ? 1 : per_chunk)
    most = std::max<std::size_t>(most, begin_of(x, std::min(x.count, i + per_chunk)) - begin_of(x, i));
  const std::size_t bytes = per_chunk * (sizeof(float) + (x.offsets ? sizeof(std::uint64_t) : 0)) +
                            most * ((x.ids ? sizeof(std::uint32_t) : 0) + (x.values ? sizeof(float) : 0)) + 2 * sizeof(std::uint64_t);
  return {.per_chunk = per_chunk, .entries = most, .bytes = bytes, .chunks = std::max<std::size_t>(1, (x.count + per_chunk - 1) / per_chunk)};
}

ChunkFeed::ChunkFeed(Device& device, const Examples& examples, const Shape& shape, std::size_t chunks)
    : like_(examples), per_chunk_(shape.per_chunk), chunks_(chunks), entries_(chunks * shape.entries), bytes_(chunks * shape.bytes), copies_(device.stream()) {
  for (Buffer& buffer : host_) buffer = make(device, Where::pinned);
  for (Buffer& buffer : there_) buffer = make(device, Where::device);
  std::vector<std::uint32_t> order(chunks_);
  std::iota(order.begin(), order.end(), 0u);
  order_ = device.allocate(Where::device, order.size() * sizeof(std::uint32_t));
  copies_->copy(order_.get(), order.data(), order.size() * sizeof(std::uint32_t));
  copies_->wait();
}

ChunkFeed::Buffer ChunkFeed::make(Device& device, Where where) const {
  const std::size_t examples = chunks_ * per_chunk_;
  Buffer buffer{.memory = device.allocate(where, bytes_)};
  auto* at = static_cast<char*>(buffer.memory.get());
  const auto cut = [&]<class T>(T*& array, bool there, std::size_t count) {
    if (!there) return;
    array = reinterpret_cast<T*>(at);
    at += count * sizeof(T);
  };
  cut(buffer.offsets, like_.offsets != nullptr, examples + 1);
  cut(buffer.labels, true, examples);
  cut(buffer.ids, like_.ids != nullptr, entries_);
  cut(buffer.values, like_.values != nullptr, entries_);
  return buffer;
}

std::size_t ChunkFeed::pack(const Examples& from, const Range& range, std::size_t examples, std::size_t entries, const Buffer& into) const {
  const std::uint64_t begin = begin_of(from, range.begin), end = begin_of(from, range.end);
  std::copy(from.labels + range.begin, from.labels + range.end, into.labels + examples);
  if (from.ids) std::copy(from.ids + begin, from.ids + end, into.ids + entries);
  if (from.values) std::copy(from.values + begin, from.values + end, into.values + entries);
  if (from.offsets)
    for (std::size_t i = 0; i <= range.size(); ++i) into.offsets[examples + i] = entries + (from.offsets[range.begin + i] - begin);
  return end - begin;
}

Segment ChunkFeed::load(const Examples& from, const ChunkQueue& queue, std::size_t first, std::size_t last, Segment common) {
  const Buffer &host = host_[next_], &there = there_[next_];
  next_ = 1 - next_;
  std::vector<Range> ranges;
  for (std::size_t i = first; i < last; ++i) ranges.push_back(queue.range(i));
  // The one that may be short comes last: chunk c begins at c * per_chunk.
  std::stable_partition(ranges.begin(), ranges.end(), [&](const Range& range) { return range.size() == per_chunk_; });
  std::size_t examples = 0, entries = 0;
  for (const Range& range : ranges) {
    entries += pack(from, range, examples, entries, host);
    examples += range.size();
  }
  const auto send = [&](auto* to, const auto* array, std::size_t count) {
    if (array) copies_->copy(to, array, count * sizeof(*array));
  };
  send(there.offsets, host.offsets, examples + 1);
  send(there.ids, host.ids, entries);
  send(there.values, host.values, entries);
  send(there.labels, host.labels, examples);
  common.examples = {.offsets = there.offsets, .ids = there.ids, .values = there.values, .labels = there.labels, .width = from.width, .count = examples};
  common.order = static_cast<const std::uint32_t*>(order_.get());
  common.first = 0;
  common.chunks = ranges.size();
  return common;
}

}  // namespace sounder::cuda
