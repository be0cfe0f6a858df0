// Mode `averaged`.
// Guarantee: each worker's run is sequential, on a copy of its own; the result is the mean of the copies, with their
//   rule state, weighted by the examples that each has seen. The same for the same number of workers.
// Staleness: an epoch: nobody sees another worker's updates before its end.
// Cost: no messages; a copy of the parameters a worker, and reading all of them once an epoch.
// Blocks when: at the end of an epoch.
// Fails how: P workers on a shard each make about the progress of one; on all data they cost P times the work for less
//   noise (`--data-per-worker full`).
// Source: Zinkevich et al., "Parallelized stochastic gradient descent", NIPS 2010; figure 5b of Niu et al., NIPS 2011.
#include <algorithm>
#include <cstring>
#include <numeric>

#include <sounder/data/random.hpp>
#include <sounder/params/merge/mean.hpp>

#include "modes/mode.hpp"

namespace sounder::shm {
namespace {

class Averaged final : public Discipline {
 public:
  explicit Averaged(const Setting& setting) : setting_(setting) {
    if (alone()) return;
    for (std::size_t i = 0; i < workers(); ++i) {
      copies_.emplace_back(setting.parameters.memory().floats(), MemoryKind::heap);
      if (Probe* const probe = probe_of(setting, static_cast<int>(i)))
        probe->own(std::vector<std::size_t>(setting.parameters.layout().tables(), setting.parameters.layout().floats()));
    }
  }

  void begin(const Round&, ChunkQueue& queue) override {
    if (alone()) return;
    queue_ = &queue;
    order_ = queue.take_all();
    seen_.assign(workers(), 0);
  }

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    StepContext context = context_of(setting_, round, worker);
    if (alone()) return step_on_all(setting_, context, AccessKind::relaxed, cursor);
    const auto me = static_cast<std::size_t>(worker);
    const Memory& own = copies_[me];
    std::memcpy(own.data(), setting_.parameters.memory().data(), own.floats() * sizeof(float));
    context.cells = setting_.parameters.cells(own.data());
    std::size_t seen = 0;
    queue_->check({});
    for (const Range& range : full() ? own_order(round, me) : shard(me)) {
      if (queue_->stopped()) break;
      setting_.kernel.step_of(AccessKind::relaxed)(setting_.kernel.model.get(), context, setting_.data.examples(),
                                                   range.begin, range.end);
      seen += range.size();
      queue_->check(range, context.cells);
    }
    seen_[me] = seen;
  }

  void end(const Round&) override {
    if (alone()) return;
    const std::size_t all = std::accumulate(seen_.begin(), seen_.end(), std::size_t{0});
    queue_->skip(examples() - all / static_cast<std::size_t>(visits()));
    if (all == 0) return;
    std::vector<const float*> copies;
    std::vector<float> shares;
    for (std::size_t k = 0; k < workers(); ++k) {
      copies.push_back(copies_[k].data());
      shares.push_back(static_cast<float>(static_cast<double>(seen_[k]) / static_cast<double>(all)));
    }
    const Memory& shared = setting_.parameters.memory();
    merge_mean(copies, shares, {shared.data(), shared.floats()});
  }

  int visits() const override { return full() ? setting_.workers : 1; }

 private:
  std::size_t workers() const { return static_cast<std::size_t>(setting_.workers); }
  bool alone() const { return setting_.workers == 1; }
  bool full() const { return setting_.options.data_per_worker == DataPerWorker::full; }
  std::size_t examples() const {
    return std::accumulate(order_.begin(), order_.end(), std::size_t{0},
                           [](std::size_t sum, const Range& range) { return sum + range.size(); });
  }

  /// The worker's part of the order, cut at examples: chunks would be too coarse on small sets.
  std::vector<Range> shard(std::size_t worker) const {
    const std::size_t begin = examples() * worker / workers(), end = examples() * (worker + 1) / workers();
    std::vector<Range> ranges;
    std::size_t first = 0;
    for (const Range& range : order_) {
      const std::size_t from = std::max(begin, first), to = std::min(end, first + range.size());
      if (from < to) ranges.push_back({range.begin + (from - first), range.begin + (to - first)});
      first += range.size();
    }
    return ranges;
  }

  std::vector<Range> own_order(const Round& round, std::size_t worker) const {
    std::vector<Range> ranges = order_;
    Random random(setting_.options.seed, (static_cast<std::uint64_t>(round.index) + 1) << 32 | worker);
    for (std::size_t i = ranges.size(); i > 1; --i) std::swap(ranges[i - 1], ranges[random.below(i)]);
    return ranges;
  }

  Setting setting_;
  std::vector<Memory> copies_;
  // Written by: begin, no worker running. Read by: workers.
  ChunkQueue* queue_ = nullptr;
  std::vector<Range> order_;
  std::vector<std::size_t> seen_;  ///< examples; each worker writes its own once, end() reads them
};

}  // namespace

ModeEntry averaged_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::exact,
          .sums = Sums::averaged,
          .flags = {"--data-per-worker"},
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> {
            return std::make_unique<Averaged>(setting);
          }};
}

}  // namespace sounder::shm
