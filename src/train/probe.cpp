#include <sounder/train/probe.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <numeric>
#include <utility>

#include <sounder/params/view.hpp>

#include "train/hot_lines.hpp"

namespace sounder {
namespace {

// A window is 128 examples in 16,384 and costs about 1.5 times as much again: 1.2 % (docs/benchmarks.md). One update in
// 8 of a window is one in 1,024 of all.
constexpr std::uint64_t kWindow = 128;
constexpr std::uint64_t kWindowEvery = 128 * kWindow;
constexpr std::uint64_t kSampleEvery = 8;
constexpr std::uint64_t kPeriodEvery = 1024;  ///< own examples from one sampled period between publications to the next
constexpr std::size_t kGroup = View<Frozen>::kThinning;  ///< a piece may be cut there without another result
constexpr std::uint32_t kAuditParts = 4;   ///< so many windows audit all rows: the steps of a window stay nearly as short as others
constexpr std::uint32_t kAuditCells = 1u << 16;  ///< a table; rows further behind are rare, and share cells
constexpr std::uint64_t kMostAudited = 1u << 22;  ///< writes before the cells are emptied: far below 2^24

using Clock = std::chrono::steady_clock;
double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

/// Adds 1 as a step of a mode adds its change to a cell that it read as `old`.
template <class Access>
void add_one(float* cell, float old) {
  Access{{1.f}}.template move<float>(cell, 1, old, 0.f, -1.f, 1.f);
}

/// The sum of the audit cells.
std::uint64_t sum_of(const std::vector<float>& cells) {
  return std::accumulate(cells.begin(), cells.end(), std::uint64_t{0},
                         [](std::uint64_t sum, float cell) { return sum + static_cast<std::uint64_t>(cell); });
}

}  // namespace

void before_step(Probe& probe, std::size_t example) { probe.before(example); }
void after_step(Probe& probe) { probe.after(); }

void Probe::run(StepFunction::Pointer function, AccessKind kind, const void* model, const StepContext& context,
                const Examples& examples, std::size_t begin, std::size_t end) {
  const auto plain = [&](std::size_t from) {
    if (from == end) return;
    function(model, context, examples, from, end);
    part_.examples += end - from;
    updates_.store(part_.examples, std::memory_order_relaxed);
  };
  // Gathered gradients reach the parameters later, by means of the mode: see published().
  if (kind == AccessKind::gather || !sees_window()) return plain(begin);

  StepContext watched = context;
  watched.watched = true;
  context_ = &context;
  examples_ = &examples;
  kind_ = kind;
  do {
    const std::size_t stop = std::min(end, begin + kGroup);
    left_ -= std::min(left_, stop - begin);
    function(model, watched, examples, begin, stop);
    begin = stop;
  } while (begin < end && sees_window());
  plain(begin);
}

/// Whether the next examples are to be watched.
bool Probe::sees_window() {
  std::uint32_t number = all_.window_.load(std::memory_order_relaxed);
  if (worker_ == 0) {
    if (number % 2 == 0 && part_.examples >= next_window_) {  // opens now, enters at the next piece: the others then are in
      next_window_ = part_.examples + kWindowEvery;
      all_.window_.store(number + 1, std::memory_order_relaxed);
      if (all_.probes_.size() > 1) return false;
      ++number;
    } else if (number % 2 && number == window_ && left_ == 0) {
      all_.window_.store(number + 1, std::memory_order_relaxed);
      return false;
    }
  }
  if (number % 2 == 0) return false;
  if (number != window_) {
    window_ = number;
    left_ = worker_ == 0 ? kWindow : 2 * kWindow;  // not for ever, should worker 0 be stopped by the system
  }
  return left_ > 0;
}

std::uint64_t Probe::updates_of_others() const {
  std::uint64_t updates = 0;
  for (const auto& probe : all_.probes_)
    if (probe.get() != this) updates += probe->updates_.load(std::memory_order_relaxed);
  return updates;
}

void Probe::published() {
  periodic_ = true;
  if (period_noted_) part_.staleness.add(updates_of_others() - period_note_);
  period_noted_ = part_.examples >= next_period_;
  if (!period_noted_) return;
  period_note_ = updates_of_others();
  next_period_ = part_.examples + kPeriodEvery;
}

void Probe::before(std::size_t example) {
  const bool sampled = watched_++ % kSampleEvery == 0;
  if (all_.kernel_.list) {
    rows_.clear();
    all_.kernel_.list(all_.kernel_.model.get(), *examples_, example, example + 1, rows_);
    if (sampled) rehearse(example);
    begin_audit();
  }
  noted_ = sampled && !periodic_;
  if (noted_) note_ = updates_of_others();
}

void Probe::after() {
  if (noted_) part_.staleness.add(updates_of_others() - note_);
  end_audit();
  updates_.store(++part_.examples, std::memory_order_relaxed);
}

void Probe::begin_audit() {
  audits_.clear();
  const std::uint32_t part = window_ / 2 % kAuditParts;
  for (const RowId row : rows_) {
    if (row.row % kAuditParts != part) continue;
    const Probes::Place& place = all_.places_[row.table];
    const bool own = row.row * place.stride < own_floats_[row.table], wide = place.width > 1;
    float* const cell = own ? nullptr : &all_.audit_[place.first + (row.row & place.mask)];
    audits_.push_back({cell, wide && !own ? shared_cell::get<float>(cell) : 0.f, wide});
  }
}

void Probe::end_audit() {
  for (const Audit& audit : audits_) {
    ++part_.audited;
    if (!audit.cell) {
      ++own_kept_;
      continue;
    }
    const float old = audit.wide ? audit.old : shared_cell::get<float>(audit.cell);
    if (kind_ == AccessKind::atomic)
      add_one<Atomic<Sgd>>(audit.cell, old);
    else
      add_one<Relaxed<Sgd>>(audit.cell, old);
  }
  audits_.clear();
}

void Probe::rehearse(std::size_t example) {
  const auto each_weight = [&](auto f) {
    for (const RowId row : rows_) {
      const Probes::Place& place = all_.places_[row.table];
      const float* const weights = context_->cells.read[row.table] + row.row * place.stride;
      for (std::size_t k = 0; k < place.width; ++k) f(row, k, shared_cell::get<float>(weights + k));
    }
  };
  std::size_t count = 0;
  for (const RowId row : rows_) count += all_.places_[row.table].width;
  seen_.resize(count);
  float* seen = seen_.data();
  each_weight([&](RowId, std::size_t, float value) { *seen++ = value; });
  all_.kernel_.loss(all_.kernel_.model.get(), context_->cells, *examples_, example, example + 1);

  constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t last = kNone;
  seen = seen_.data();
  each_weight([&](RowId row, std::size_t k, float value) {
    if (std::bit_cast<std::uint32_t>(value) == std::bit_cast<std::uint32_t>(*seen++)) [[likely]] return;
    const Probes::Place& place = all_.places_[row.table];
    const std::size_t line = (place.offset + row.row * place.stride + k) * sizeof(float) / kCacheLine;
    if (line != last) ++conflicts_[line];
    last = line;
  });
  ++part_.rehearsed;
  part_.conflicted += last != kNone;
}

Probes::Probes(const Kernel& kernel, const Dataset& data, int workers) : kernel_(kernel), data_(data) {
  std::size_t cells = 0;
  for (std::size_t table = 0; table < kernel.layout.tables(); ++table) {
    const TableShape& shape = kernel.layout.shape(table);
    const auto used = static_cast<std::uint32_t>(std::clamp<std::size_t>(shape.rows, 1, kAuditCells));
    places_[table] = {.offset = kernel.layout.offset(table),
                      .stride = kernel.layout.stride(table),
                      .width = static_cast<std::size_t>(shape.width),
                      .first = cells,
                      .mask = std::bit_ceil(used) - 1};
    cells += std::bit_ceil(used);
  }
  if (kernel.list) audit_.resize(cells);
  for (int worker = 0; worker < workers; ++worker) {
    probes_.push_back(std::make_unique<Probe>(*this, worker));
    // The first steps find everything cold; but a small set has few others.
    probes_.back()->next_window_ = std::min<std::uint64_t>(kWindow, data.size() / (2 * static_cast<std::size_t>(workers)));
  }
}

void Probes::run(Team& team, const std::function<void(int)>& work) {
  for (const auto& probe : probes_) probe->waited_ = probe->worked_ = 0, probe->period_noted_ = false;
  const auto begin = Clock::now();
  team.run([&](int worker) {
    const auto own_begin = Clock::now();
    work(worker);
    of(worker).worked_ = seconds(Clock::now() - own_begin);
  });
  const double round = seconds(Clock::now() - begin);
  for (const auto& probe : probes_) {
    const double computed = std::max(0., probe->worked_ - probe->waited_);
    probe->part_.compute_seconds += computed;
    probe->part_.wait_seconds += round - computed;
  }
  harvest();
}

void Probes::harvest() {
  std::uint64_t audited = 0;
  for (const auto& probe : probes_) audited += probe->part_.audited;
  if (audited - harvested_ < kMostAudited) return;
  harvested_ = audited;
  kept_ += sum_of(audit_);
  std::fill(audit_.begin(), audit_.end(), 0.f);
}

Telemetry Probes::telemetry() const {
  Telemetry all;
  all.kept = kept_ + sum_of(audit_);
  LineCounts conflicts;
  for (const auto& probe : probes_) {
    for (const auto& [line, count] : probe->conflicts_) conflicts[line] += count;
    all.kept += probe->own_kept_;
    all.add(probe->part_);
  }
  all.hottest = hot_lines(kernel_, data_, conflicts);
  return all;
}

}  // namespace sounder
