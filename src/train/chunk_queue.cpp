#include <sounder/train/chunk_queue.hpp>

#include <algorithm>
#include <numeric>

#include <sounder/data/random.hpp>

namespace sounder {
namespace {

constexpr std::size_t kShare = 8;  ///< a take is at most 1/kShare of a worker's fair part of what is left,
constexpr std::size_t kMost = 64;  ///< and so many chunks: a stop is seen between takes

}  // namespace

ChunkQueue::ChunkQueue(std::size_t examples, std::size_t examples_per_chunk, const std::atomic<bool>* stop)
    : examples_(examples),
      per_chunk_(examples_per_chunk),
      order_((examples + examples_per_chunk - 1) / examples_per_chunk),
      stop_(stop) {
  std::iota(order_.begin(), order_.end(), 0u);
  if (!order_.empty()) short_at_.store(order_.size() - 1, std::memory_order_relaxed);
}

void ChunkQueue::permute(std::uint64_t seed, std::uint64_t epoch) {
  Random random(seed, epoch);
  std::iota(order_.begin(), order_.end(), 0u);
  for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
  for (std::size_t i = 0; i < order_.size(); ++i)
    if (order_[i] == order_.size() - 1) short_at_.store(i, std::memory_order_relaxed);
}

void ChunkQueue::open(std::size_t first, std::size_t last, int workers) {
  first_.store(first, std::memory_order_relaxed);
  last_.store(last, std::memory_order_relaxed);
  workers_ = static_cast<std::size_t>(workers);
  halted_.store(false, std::memory_order_relaxed);
  skipped_.store(0, std::memory_order_relaxed);
  next_.store(first, std::memory_order_relaxed);
}

bool ChunkQueue::content(const Range& done, const std::optional<Cells>& own) {
  if (halted_.load(std::memory_order_relaxed)) return false;
  if (done.size() == 0) return watch_->begin(), true;
  if (watch_->good(done, own ? &*own : nullptr)) return true;
  halted_.store(true, std::memory_order_relaxed);
  return false;
}

bool ChunkQueue::take(std::size_t& first, std::size_t& last) {
  return take(std::clamp<std::size_t>(left() / (kShare * workers_), 1, kMost), first, last);
}

bool ChunkQueue::take(std::size_t most, std::size_t& first, std::size_t& last) {
  if (stopped()) return false;
  const std::size_t end = last_.load(std::memory_order_relaxed);
  std::size_t next = next_.load(std::memory_order_relaxed);
  do {
    if (next >= end) return false;
    first = next;
    last = std::min(end, next + most);
  } while (!next_.compare_exchange_weak(next, last, std::memory_order_relaxed));
  return true;
}

void ChunkQueue::book(std::size_t examples) {
  const std::size_t first = first_.load(std::memory_order_relaxed), last = last_.load(std::memory_order_relaxed);
  const std::size_t until = std::min(last, first + (examples + per_chunk_ - 1) / per_chunk_);
  std::size_t next = next_.load(std::memory_order_relaxed);
  while (next < until && !next_.compare_exchange_weak(next, until, std::memory_order_relaxed)) {
  }
}

std::vector<Range> ChunkQueue::ranges() const {
  std::vector<Range> ranges;
  for (std::size_t i = first_.load(std::memory_order_relaxed); i < last_.load(std::memory_order_relaxed); ++i) ranges.push_back(range(i));
  return ranges;
}

std::vector<Range> ChunkQueue::take_all() {
  const std::size_t end = last_.load(std::memory_order_relaxed);
  std::vector<Range> ranges;
  if (stopped()) return ranges;
  for (std::size_t i = next_.exchange(end, std::memory_order_relaxed); i < end; ++i) ranges.push_back(range(i));
  return ranges;
}

std::size_t ChunkQueue::taken() const {
  const std::size_t first = first_.load(std::memory_order_relaxed);
  const std::size_t next = std::min(next_.load(std::memory_order_relaxed), last_.load(std::memory_order_relaxed));
  if (next <= first) return 0;
  const std::size_t short_at = short_at_.load(std::memory_order_relaxed);
  const bool with_short = first <= short_at && short_at < next;
  const std::size_t handed_out = (next - first) * per_chunk_ - (with_short ? order_.size() * per_chunk_ - examples_ : 0);
  return handed_out - std::min(handed_out, skipped_.load(std::memory_order_relaxed));
}

std::size_t chunk_size(std::size_t examples, std::size_t nonzeros) {
  constexpr std::size_t kNonzeros = 2048, kLeast = 128, kMost = 1024;
  const std::size_t each = examples ? nonzeros / examples + 1 : 1;
  return std::clamp(kNonzeros / each / 16 * 16, kLeast, kMost);
}

}  // namespace sounder
