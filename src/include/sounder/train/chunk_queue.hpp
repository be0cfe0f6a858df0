// The examples of an epoch, cut into chunks that workers pull.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <sounder/params/table.hpp>

namespace sounder {

/// Examples [begin, end) of a dataset.
struct Range {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};

/// Looks at what the workers do, between their chunks: where a run that diverges is stopped.
class Watch {
 public:
  virtual ~Watch() = default;
  /// A worker is about to step on its first chunk of a round. Called by that worker, like good().
  virtual void begin() {}
  /// Whether training may go on after the steps on `done`. `own`: where the worker's copy of the parameters lies;
  /// null: it stepped on the shared ones.
  virtual bool good(const Range& done, const Cells* own) = 0;
};

/// Hands every chunk of a round to exactly one worker. Shared by all backends of a round, so that CPU threads
/// and GPU streams can work on the same epoch.
///
/// Chunks are permuted anew in each epoch, single examples are not: they were shuffled once at load, and runs
/// of neighbours are what the hardware prefetches (imdb, one thread: 724 against 282 M nonzeros/s).
class ChunkQueue {
 public:
  /// `stop`, if given, ends the round early when it becomes true.
  ChunkQueue(std::size_t examples, std::size_t examples_per_chunk, const std::atomic<bool>* stop = nullptr);

  /// `watch` is asked after every chunk; the round ends within one chunk of each worker when it is not content.
  void watch(Watch* watch) { watch_ = watch; }

  std::size_t examples() const { return examples_; }
  std::size_t chunks() const { return order_.size(); }

  /// A new order for an epoch, drawn from (seed, epoch): the same for any number of workers.
  void permute(std::uint64_t seed, std::uint64_t epoch);

  /// Opens a round over chunks [first, last) of the order, for `workers` workers. No worker may run.
  void open(std::size_t first, std::size_t last, int workers);
  void open(int workers) { open(0, chunks(), workers); }

  /// The chunks of the round, in order, none of them taken: for who must know what the workers will see.
  std::vector<Range> ranges() const;
  /// All chunks of the round, in order, to one taker: for modes that plan who steps on what, and when. None if the run
  /// is to stop.
  std::vector<Range> take_all();
  /// Cuts what workers take for so many of them, from now on: where others take from the same queue. Before the workers run.
  void expect(int workers) { workers_ = static_cast<std::size_t>(workers); }
  /// For a taker that steps on many chunks at once (a GPU stream): at most `most` of those left, as positions
  /// [first, last) of order(). False if none is left or the run is to stop.
  bool take(std::size_t most, std::size_t& first, std::size_t& last);
  /// The chunks of the epoch in their order: chunk c holds examples from c * per_chunk() on.
  std::span<const std::uint32_t> order() const { return order_; }
  std::size_t per_chunk() const { return per_chunk_; }
  /// Chunks of the round that nobody has taken yet.
  std::size_t left() const {
    const std::size_t next = next_.load(std::memory_order_relaxed), end = last_.load(std::memory_order_relaxed);
    return next < end ? end - next : 0;
  }
  Range range(std::size_t position) const {
    const std::size_t begin = order_[position] * per_chunk_;
    return {begin, begin + per_chunk_ < examples_ ? begin + per_chunk_ : examples_};
  }
  /// For who steps on the round's examples in an order of its own: at least so many of them are done. Also where the run is to stop.
  void book(std::size_t examples);
  /// Says that so many examples of those taken will not be stepped on, as the run stopped: taken() leaves them out.
  void skip(std::size_t examples) { skipped_.fetch_add(examples, std::memory_order_relaxed); }
  /// Whether the run is to stop: for loops that do not come back to the queue.
  bool stopped() const {
    return halted_.load(std::memory_order_relaxed) || (stop_ && stop_->load(std::memory_order_relaxed));
  }
  /// For the same loops: asks the watch about the steps that a worker has done on the parameters, or on its `own` copy.
  /// Call it with an empty range first. Once it is false, stopped() is true for all.
  bool check(const Range& done, const std::optional<Cells>& own = {}) { return !watch_ || content(done, own); }

  /// Examples handed out in this round, less those skipped; any thread may ask (progress displays do).
  std::size_t taken() const;

  /// What one worker holds: `while (cursor.next(range)) ...`
  class Cursor {
   public:
    explicit Cursor(ChunkQueue& queue) : queue_(queue) {}
    /// Asked for the next chunk when the steps on the one before are done.
    bool next(Range& range) {
      if (queue_.watch_ && !queue_.content(done_, own_)) return false;
      if (at_ == end_ && !queue_.take(at_, end_)) return done_ = {}, false;
      range = done_ = queue_.range(at_++);
      return true;
    }
    /// For a worker that does not step on the shared parameters: where those lie that it steps on.
    void steps_on(const Cells& own) { own_ = own; }

   private:
    ChunkQueue& queue_;
    Range done_;
    std::optional<Cells> own_;
    std::size_t at_ = 0, end_ = 0;
  };

 private:
  /// Takes some chunks: many while many are left, one at a time at the end (guided self-scheduling), so that
  /// the shared counter is touched rarely and the workers finish together.
  bool take(std::size_t& first, std::size_t& last);
  /// Asks the watch about the chunk that a worker has done, if any.
  bool content(const Range& done, const std::optional<Cells>& own);

  std::size_t examples_, per_chunk_;
  std::vector<std::uint32_t> order_;
  std::size_t workers_ = 1;
  const std::atomic<bool>* stop_;
  Watch* watch_ = nullptr;
  // Written by: the worker whose chunk the watch refused, and open(). Read by: all workers, after each chunk. Order:
  // relaxed; only its value matters, and the end of the round orders what the watch has written down.
  std::atomic<bool> halted_{false};
  // Written by: open() and permute(), when no worker runs. Read by: workers and progress displays, which may ask at any time.
  // Order: relaxed; a display may see a mix of two rounds for a moment, which taken() bounds.
  std::atomic<std::size_t> first_{0}, last_{0};
  std::atomic<std::size_t> short_at_{0};  ///< where in the order the last chunk is, the only one that may be short
  std::atomic<std::size_t> skipped_{0};
  // Written by: the worker that takes chunks. Read by: workers and progress displays. Order: relaxed; the chunks
  // themselves are immutable during a round, and the team's start and end of a round order everything else.
  alignas(kCacheLine) std::atomic<std::size_t> next_{0};
};

/// Examples per chunk: about 128, more where examples are short, always a multiple of 16.
std::size_t chunk_size(std::size_t examples, std::size_t nonzeros);

}  // namespace sounder
