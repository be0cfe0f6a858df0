#include "split.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::cuda {
namespace {

/// Parts that a set is cut into: what one side waits for the other is at most one of them. Examples are in random order within each, so each has
/// kRowsOfPart where that leaves enough parts.
constexpr std::size_t kLeastParts = 64, kMostParts = 256, kRowsOfPart = 1024;
constexpr double kFirstGuess = 24;  ///< examples of a GPU for each of the CPU, before any is measured: too many cost less than too few

/// The row of `table` that each example touches.
std::vector<std::uint32_t> rows_of(const Kernel& kernel, const Dataset& data, std::size_t table) {
  constexpr std::size_t kAtOnce = 4096;
  std::vector<std::uint32_t> rows;
  rows.reserve(data.size());
  std::vector<RowId> touched;
  for (std::size_t begin = 0; begin < data.size(); begin += kAtOnce) {
    const std::size_t end = std::min(data.size(), begin + kAtOnce);
    touched.clear();
    kernel.list(kernel.model.get(), data.examples(), begin, end, touched);
    for (const RowId& row : touched)
      if (row.table == table) rows.push_back(row.row);
    if (rows.size() != end)
      throw Error(fmt::format("model {} declares that each example touches one row of table {}, which these do not: give --placement mirror", kernel.name, table));
  }
  return rows;
}

/// The same examples in another order, by the numbering of `data`.
Dataset reordered(const Dataset& data, const std::vector<std::uint32_t>& order) {
  const Examples from = data.examples();
  Columns columns;
  columns.name = data.name();
  columns.width = static_cast<std::uint32_t>(from.width);
  columns.spaces = data.spaces();
  columns.classes.assign(data.classes().begin(), data.classes().end());
  columns.labels.reserve(order.size());
  columns.ids.reserve(from.ids ? data.nonzeros() : 0);
  columns.values.reserve(from.values ? data.nonzeros() : 0);
  if (from.offsets) columns.offsets.push_back(0);
  std::uint64_t entries = 0;
  for (const std::uint32_t i : order) {
    const Example x = from[i];
    for (std::uint32_t j = 0; x.ids && j < x.size; ++j) columns.ids.push_back(data.numbering(data.spaces() > 1 ? j : 0).original(x.ids[j]));
    if (x.values) columns.values.insert(columns.values.end(), x.values, x.values + x.size);
    columns.labels.push_back(x.label);
    entries += x.size;
    if (from.offsets) columns.offsets.push_back(entries);
  }
  return Dataset::test(std::move(columns), data);
}

}  // namespace

GroupedData::GroupedData(const Kernel& kernel, const Dataset& data, std::size_t table) {
  const std::vector<std::uint32_t> row_of = rows_of(kernel, data, table);
  const std::size_t rows = kernel.layout.shape(table).rows;
  const std::size_t parts = std::clamp(rows / kRowsOfPart, kLeastParts, kMostParts);
  const std::size_t unit = std::max<std::size_t>(1, kBlockFloats / kernel.layout.stride(table));  // rows of a block
  std::vector<std::uint32_t> starts(rows + 1), part_of(rows);
  for (const std::uint32_t row : row_of) ++starts[row + 1];

  cuts_.push_back({});
  std::size_t before = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    part_of[row] = static_cast<std::uint32_t>(cuts_.size() - 1);
    before += starts[row + 1];
    const bool full = (before - cuts_.back().examples) * parts >= data.size();
    if (full && (row + 1) % unit == 0 && before < data.size()) cuts_.push_back({.examples = before, .rows = row + 1});
  }
  cuts_.push_back({.examples = data.size(), .rows = rows});

  // Within a part, the order in which they were shuffled once.
  std::vector<std::size_t> next(cuts_.size());
  for (std::size_t part = 0; part < cuts_.size(); ++part) next[part] = cuts_[part].examples;
  std::vector<std::uint32_t> order(data.size());
  for (std::size_t i = 0; i < data.size(); ++i) order[next[part_of[row_of[i]]]++] = static_cast<std::uint32_t>(i);
  data_.emplace(reordered(data, order));
}

std::size_t best_cut(std::span<const GroupedData::Cut> cuts, double cpu, double gpu) {
  if (cuts.size() < 3) return 0;
  const auto all = static_cast<double>(cuts.back().examples);
  const auto ends = [&](std::size_t at) {
    const auto examples = static_cast<double>(cuts[at].examples);
    return std::max(examples / cpu, (all - examples) / gpu);
  };
  std::size_t best = 1;
  for (std::size_t at = 2; at + 1 < cuts.size(); ++at)
    if (ends(at) < ends(best)) best = at;
  return best;
}

Examples tail(Examples examples, std::size_t first) {
  const std::size_t entries = examples.offsets ? 0 : first * examples.width;  // offsets count from the begin of the whole set
  if (examples.offsets) examples.offsets += first;
  if (examples.ids) examples.ids += entries;
  if (examples.values) examples.values += entries;
  examples.labels += first;
  examples.count -= first;
  return examples;
}

Dealer::Side::Side(Range examples, bool counts_chunks, ChunkQueue& whole, std::atomic<std::size_t>& done)
    : queue(examples.size(), whole.per_chunk()), first_(examples.begin), counts_chunks_(counts_chunks), whole_(whole), done_(done) {
  queue.watch(this);
}

bool Dealer::Side::good(const Range& done, const Cells* own) {
  if (counts_chunks_) count(done.size());
  return whole_.check({first_ + done.begin, first_ + done.end}, own ? std::optional(*own) : std::nullopt) && !whole_.stopped();
}

void Dealer::Side::count(std::size_t examples) {
  examples_.fetch_add(examples, std::memory_order_relaxed);
  whole_.book(done_.fetch_add(examples, std::memory_order_relaxed) + examples);
}

Dealer::Dealer(const Kernel& kernel, const Dataset& data, std::size_t table, bool both) : grouped_(kernel, data, table), both_(both) {
  if (both_) at_ = best_cut(grouped_.cuts(), 1, kFirstGuess);
}

void Dealer::deal(const Round& round, ChunkQueue& whole) {
  if (both_ && cpu_ && cpu_->examples() > 0 && gpu_->examples() > 0)
    at_ = best_cut(grouped_.cuts(), static_cast<double>(cpu_->examples()) / cpu_seconds_, static_cast<double>(gpu_->examples()) / gpu_seconds_);
  cpu_.emplace(Range{0, cut().examples}, true, whole, done_);
  gpu_.emplace(Range{cut().examples, data().size()}, false, whole, done_);
  // The whole queue's order was drawn from the run's seed, and begins with another chunk in almost every epoch.
  const std::uint64_t seed = whole.order().empty() ? 0 : whole.order()[0];
  cpu().permute(seed, 2 * static_cast<std::uint64_t>(round.epoch));
  gpu().permute(seed, 2 * static_cast<std::uint64_t>(round.epoch) + 1);
  cpu_seconds_ = gpu_seconds_ = 0;
  epoch_ = round.epoch;
  begun_ = 0;
}

void Dealer::open(const Round& round, ChunkQueue& whole, int threads) {
  if (round.epoch != epoch_ || whole_ != &whole) deal(round, whole);
  const std::size_t begin = begun_, chunks = whole.chunks();
  begun_ += whole.left();
  const auto open = [&](ChunkQueue& queue, int workers) { queue.open(queue.chunks() * begin / chunks, queue.chunks() * begun_ / chunks, workers); };
  open(cpu(), threads);
  open(gpu(), 1);
  done_.store(0, std::memory_order_relaxed);
  whole_ = &whole;
}

void Dealer::close(double cpu_seconds, double gpu_seconds) {
  cpu_seconds_ += std::max(cpu_seconds, 1e-6);
  gpu_seconds_ += std::max(gpu_seconds, 1e-6);
  // Chunks of both sides are not those of the whole: a few may be left, or, where the round was stopped, not have been done wholly.
  if (!whole_->stopped()) return whole_->book(whole_->examples());
  const std::size_t done = done_.load(std::memory_order_relaxed);
  whole_->skip(std::max(whole_->taken(), done) - done);
}

}  // namespace sounder::cuda
