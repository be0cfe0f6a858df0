// Way `blocks`: each side's rows in V contiguous ranges, ratings sorted by block, diagonals one after the other.
// Contiguous, since hardware prefetches into a neighbour's rows (128 factors: 98 against 85 M ratings/s).
#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>

#include <fmt/format.h>

#include <sounder/data/random.hpp>

#include "conflictfree/reordered.hpp"
#include "conflictfree/way.hpp"

namespace sounder::shm {
namespace {

constexpr std::size_t kSides = 8;  ///< V: enough for 8 workers, and that 2 finish together
constexpr std::size_t kPiece = 512;  ///< ratings that stay together when a block is permuted

/// Whether each step touches its user's and its item's rows alone.
bool touches_only_its_pair(const Kernel& kernel, const Dataset& data) {
  const Examples examples = data.examples();
  if (!kernel.list || data.spaces() != 2 || !examples.ids || examples.values || examples.offsets || examples.width != 2) return false;
  std::vector<RowId> rows;
  for (std::size_t i = 0; i < examples.count; ++i) {
    rows.clear();
    kernel.list(kernel.model.get(), examples, i, i + 1, rows);
    for (const RowId row : rows) {
      const int side = kernel.layout.shape(row.table).space;
      if (side < 0 || row.row != examples.ids[2 * i + static_cast<std::size_t>(side)]) return false;
    }
  }
  return true;
}

class Blocks final : public Way {
 public:
  explicit Blocks(const Setting& setting) : Way(setting), intercepts_(setting, kSides) {
    const Examples examples = setting.data.examples();
    const auto users = ranges_of(0), items = ranges_of(1);
    std::vector<std::uint32_t> block(examples.count);
    for (std::size_t i = 0; i < examples.count; ++i) {
      const std::size_t user = users[examples.ids[2 * i]], item = items[examples.ids[2 * i + 1]];
      // Block `user` of diagonal item - user. Blocks in the order of diagonals, so that one is contiguous.
      block[i] = static_cast<std::uint32_t>((item + kSides - user) % kSides * kSides + user);
      ++starts_[block[i] + 1];
    }
    std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
    std::vector<std::uint32_t> order(examples.count);
    auto next = starts_;
    for (std::uint32_t i = 0; i < examples.count; ++i) order[next[block[i]]++] = i;
    sorted_ = Reordered(examples, order);
    for (std::size_t d = 0; d < kSides; ++d) {
      std::iota(largest_first_[d].begin(), largest_first_[d].end(), d * kSides);
      std::ranges::stable_sort(largest_first_[d], std::greater{}, [&](std::size_t b) { return size_of_block(b); });
    }
  }

 protected:
  std::size_t items() const override { return kSides; }
  std::size_t first_of(std::size_t diagonal) const override { return setting_.data.size() * diagonal / kSides; }
  std::size_t size_of(std::size_t diagonal) const override { return starts_[(diagonal + 1) * kSides] - starts_[diagonal * kSides]; }

  void between(const Round&) override {
    next_.store(0, std::memory_order_relaxed);
    intercepts_.merge();
  }
  void run(std::size_t diagonal, int worker, const Round& round) override {
    for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < kSides;) run_block(largest_first_[diagonal][i], round, worker);
  }
  std::string name() const override { return fmt::format("{0} x {0} blocks of ratings", kSides); }
  Share share() const override {
    Share share{.all = static_cast<double>(setting_.data.size())};
    for (const auto& blocks : largest_first_) share.longest += static_cast<double>(size_of_block(blocks.front()));
    return share;
  }

 private:
  std::size_t size_of_block(std::size_t block) const { return starts_[block + 1] - starts_[block]; }

  /// The range of each row of a side, cut so that all ranges have about as many ratings.
  std::vector<std::size_t> ranges_of(std::uint32_t side) const {
    const auto frequencies = setting_.data.frequencies(side);
    std::vector<std::size_t> ranges;
    std::size_t before = 0;
    for (const std::uint32_t frequency : frequencies) {
      ranges.push_back(std::min(kSides - 1, before * kSides / std::max<std::size_t>(1, setting_.data.size())));
      before += frequency;
    }
    return ranges;
  }

  void run_block(std::size_t block, const Round& round, int worker) {
    StepContext context = context_of(setting_, round, worker);
    context.cells = intercepts_.open(block % kSides);
    const StepFunction step = setting_.kernel.step_of(AccessKind::relaxed);

    std::vector<std::uint32_t> pieces((size_of_block(block) + kPiece - 1) / kPiece);
    std::iota(pieces.begin(), pieces.end(), 0u);
    Random random(setting_.options.seed, (static_cast<std::uint64_t>(round.epoch) + 1) << 32 | block);
    for (std::size_t i = pieces.size(); i > 1; --i) std::swap(pieces[i - 1], pieces[random.below(i)]);
    for (const std::size_t piece : pieces) {
      const std::size_t begin = starts_[block] + piece * kPiece;
      step(setting_.kernel.model.get(), context, sorted_.examples(), begin, std::min(begin + kPiece, starts_[block + 1]));
    }
  }

  InterceptCopies intercepts_;
  Reordered sorted_;  ///< by block
  std::array<std::size_t, kSides * kSides + 1> starts_{};
  std::array<std::array<std::size_t, kSides>, kSides> largest_first_{};
  // Written by: each worker that takes a block, and the last one to come to the barrier. Read by: workers. Order: relaxed;
  // the barrier orders all else.
  alignas(kCacheLine) std::atomic<std::size_t> next_{0};
};

}  // namespace

std::unique_ptr<Discipline> make_blocks(const Setting& setting) {
  return touches_only_its_pair(setting.kernel, setting.data) ? std::make_unique<Blocks>(setting) : nullptr;
}

}  // namespace sounder::shm
