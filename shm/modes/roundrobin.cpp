// Mode `roundrobin`.
// Guarantee: updates are written one after the other, in the order of the examples; none is lost.
// Staleness: a gradient misses at most the updates of the workers - 1 examples before its own.
// Cost: no messages; the turn's cache line and the touched rows move between cores once an example.
// Blocks when: until all examples before the own one have been written.
// Fails how: where a gradient is cheap, waiting for the turn makes it slower than one worker.
// Source: Langford, Smola, Zinkevich, "Slow learners are fast", NIPS 2009; "RR" of Niu et al., NIPS 2011.
#include <atomic>

#include "modes/mode.hpp"
#include "wait.hpp"

namespace sounder::shm {
namespace {

class RoundRobin final : public Discipline {
 public:
  explicit RoundRobin(const Setting& setting) : setting_(setting) {
    if (alone()) return;
    for (int i = 0; i < setting.workers; ++i) gradients_.emplace_back(setting.kernel);
  }

  void begin(const Round&, ChunkQueue& queue) override {
    if (alone()) return;
    queue_ = &queue;
    order_ = queue.take_all();
    turn_.store(0, std::memory_order_relaxed);
    ended_.store(false, std::memory_order_relaxed);
  }

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    // Nobody to take turns with: gathering and applying costs more than a step.
    if (alone()) return step_on_all(setting_, context_of(setting_, round, worker), AccessKind::relaxed, cursor);
    try {
      take_turns(static_cast<std::size_t>(worker), context_of(setting_, round, worker));
    } catch (...) {
      ended_.store(true, std::memory_order_release);
      throw;
    }
  }

  void end(const Round&) override {
    std::size_t examples = 0;
    for (const Range& range : order_) examples += range.size();
    if (!alone()) queue_->skip(examples - turn_.load(std::memory_order_relaxed));
  }

 private:
  bool alone() const { return setting_.workers == 1; }

  /// Worker k has examples k, k + P, ... of the order.
  void take_turns(std::size_t at, const StepContext& context) {
    Gradient& gradient = gradients_[at];
    const auto workers = static_cast<std::size_t>(setting_.workers);
    std::size_t first = 0, left = 0;  // the place of a range in the order; examples from it to the end
    for (const Range& range : order_) left += range.size();
    queue_->check({});
    for (const Range& range : order_) {
      for (; at < first + range.size(); at += workers) {
        const std::size_t example = range.begin + (at - first);
        gradient.collect(context, setting_.data.examples(), example, example + 1);
        if (at - first + workers >= left) gradient.close_intercept();  // the last one of this worker
        wait_until([&] { return turn_.load(std::memory_order_acquire) == at || ended(); }, context.probe);
        if (ended()) return gradient.close_intercept(), gradient.clear();
        gradient.apply(context, gradient.rows(), nullptr);
        turn_.store(at + 1, std::memory_order_release);
        if (context.probe) context.probe->published();
        gradient.clear();
      }
      first += range.size();
      left -= range.size();
      queue_->check(range);
    }
  }

  bool ended() const { return ended_.load(std::memory_order_acquire) || queue_->stopped(); }

  Setting setting_;
  std::vector<Gradient> gradients_;
  // Written by: begin, no worker running. Read by: workers.
  ChunkQueue* queue_ = nullptr;
  std::vector<Range> order_;
  // Written by: the worker whose turn it is, to the place of the next example. Read by: all. Order: release and acquire;
  // publishes the rows that were written before.
  alignas(kCacheLine) std::atomic<std::size_t> turn_{0};
  // Written by: a worker that falls. Read by: those who wait. Order: release and acquire; only its value matters.
  alignas(kCacheLine) std::atomic<bool> ended_{false};
};

}  // namespace

ModeEntry roundrobin_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::exact,
          .needs_touches = true,
          .together = true,
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> { return std::make_unique<RoundRobin>(setting); }};
}

}  // namespace sounder::shm
