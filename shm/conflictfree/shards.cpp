// Way `shards`: a batch is cut into V fixed shards, each gathered at frozen parameters; the sums are applied row by row, in a
// row always shard 0, 1, ..., V - 1.
#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "conflictfree/way.hpp"

namespace sounder::shm {
namespace {

constexpr std::size_t kShards = 8;      ///< V: enough for 8 workers; more cost a sum each
constexpr std::size_t kStripe = 32;     ///< rows that a worker applies at a time: some whole cache lines of hot ones

/// Examples of a batch. A row that all examples touch moves once a batch: on small sets 200 times an epoch at least, else it
/// lags behind (spam, 20 epochs, 38 batches of 128: loss +20 %). From 128 on the barriers cost little.
std::size_t standard_batch(std::size_t examples) { return std::clamp<std::size_t>(std::bit_floor(examples / 190), 16, 128); }

/// A row that a batch touches: planned once, as batches are the same in all epochs. About 6 bytes a nonzero of the data.
struct Touched {
  std::uint32_t row;
  std::uint16_t table;
  std::uint16_t shards;  ///< a bit for each that touches it
  float scale;           ///< 1 / examples of the batch that touch it: the mean, so that nothing overshoots
};

/// Finds the rows of batches. Keeps a record for each row, so that a batch costs what it touches.
class Touches {
 public:
  explicit Touches(const Setting& setting) : setting_(setting) {
    for (std::size_t t = 0; t < setting.kernel.layout.tables(); ++t) rows_.emplace_back(setting.kernel.layout.shape(t).rows);
  }

  /// In the order of tables and rows.
  const std::vector<Touched>& operator()(const Range& batch, std::size_t intercept_examples) {
    touched_.clear();
    for (std::size_t s = 0; s < kShards; ++s) {
      list_.clear();
      const Range shard = part(batch, s);
      setting_.kernel.list(setting_.kernel.model.get(), setting_.data.examples(), shard.begin, shard.end, list_);
      for (const RowId row : list_) {
        Record& record = rows_[row.table][row.row];
        if (record.count++ == 0) touched_.push_back({row.row, static_cast<std::uint16_t>(row.table), 0, 1});
        record.shards = static_cast<std::uint16_t>(record.shards | 1u << s);
      }
    }
    std::ranges::sort(touched_, {}, [](const Touched& t) { return std::uint64_t{t.table} << 32 | t.row; });
    for (Touched& touched : touched_) {
      Record& record = rows_[touched.table][touched.row];
      touched.shards = record.shards;
      touched.scale = 1.f / static_cast<float>(record.count);
      record = {};
    }
    if (intercept_examples > 0)
      touched_.push_back({0, static_cast<std::uint16_t>(setting_.kernel.intercept_table), (1u << kShards) - 1,
                          1.f / std::max(1.f, static_cast<float>(intercept_examples) / View<Gather>::kThinning)});
    return touched_;
  }

  static Range part(const Range& batch, std::size_t shard) {
    return {batch.begin + batch.size() * shard / kShards, batch.begin + batch.size() * (shard + 1) / kShards};
  }

 private:
  struct Record {
    std::uint32_t count = 0;
    std::uint16_t shards = 0;
  };
  Setting setting_;
  std::vector<std::vector<Record>> rows_;
  std::vector<RowId> list_;
  std::vector<Touched> touched_;
};

/// Steps the rule on the sum over the shards of a row, and clears them. V by V: rows of width 1 have one cell, the others
/// whole strips.
template <class V, class Rule>
SOUNDER_INLINE void apply_row(const Relaxed<Rule>& access, float* cell, float* const* sums, std::size_t width, const Touched& touched) {
  float a = 0;
  for (unsigned left = touched.shards; left; left &= left - 1) a += shared_cell::get<float>(sums[std::countr_zero(left)] + width);
  for (std::size_t i = 0; i < width; i += sizeof(V) / sizeof(float)) {
    V x{};
    for (unsigned left = touched.shards; left; left &= left - 1) {
      float* const sum = sums[std::countr_zero(left)] + i;
      x += shared_cell::get<V>(sum);
      shared_cell::put<V>(sum, V{});
      shared_cell::put<V>(sum + width, V{});
    }
    access.template move<V>(cell + i, width, access.template get<V>(cell + i), a * touched.scale, touched.scale, x);
  }
}

class Shards final : public Way {
 public:
  explicit Shards(const Setting& setting)
      : Way(setting), batches_(cut_into_batches(setting.data, setting.options.batch.value_or(standard_batch(setting.data.size())))) {
    for (std::size_t s = 0; s < kShards; ++s) sums_.emplace_back(setting.kernel.layout.with_states(Gather::kStates));
    Touches touches(setting);
    std::size_t thinned = 0;  // examples since the intercept was last applied
    for (std::size_t b = 0; b < batches_.size(); ++b) {
      // The intercept is thinned as in a step: applied once in 16 examples or more, and where a chunk ends.
      thinned += batches_[b].size();
      const bool last = b + 1 == batches_.size() || chunk_of(batches_[b + 1]) != chunk_of(batches_[b]);
      const bool due = setting.kernel.intercept_table >= 0 && (thinned >= View<Gather>::kThinning || last);
      plan(touches(batches_[b], due ? thinned : 0));
      if (due) thinned = 0;
      measure(batches_[b]);
    }
    starts_.push_back(touched_.size());
  }

 protected:
  std::size_t items() const override { return batches_.size(); }
  std::size_t first_of(std::size_t batch) const override { return batches_[batch].begin; }
  std::size_t size_of(std::size_t batch) const override { return batches_[batch].size(); }

  void run(std::size_t batch, int worker, const Round& round) override {
    StepContext context = context_of(setting_, round, worker);
    const auto me = static_cast<std::size_t>(worker), workers = static_cast<std::size_t>(setting_.workers);
    const std::size_t* const starts = starts_.data() + batch * (kShards + 1);
    for (std::size_t s = kShards * me / workers; s < kShards * (me + 1) / workers; ++s) {
      const Range shard = Touches::part(batches_[batch], s);
      if (shard.size() == 0) continue;
      for (std::size_t t = 0; t < sums_[s].layout().tables(); ++t) context.cells.write[t] = sums_[s].cells().write[t];
      setting_.kernel.step_of(AccessKind::gather)(setting_.kernel.model.get(), context, setting_.data.examples(), shard.begin, shard.end);
      apply(round, starts[s], starts[s + 1]);  // what no other shard reads: no need to wait, and the cells are at hand
    }
    if (!barrier_.wait(probe_of(setting_, worker))) return;
    const std::size_t end = starts[kShards + 1];
    for (std::size_t at = starts[kShards] + me * kStripe; at < end; at += workers * kStripe) apply(round, at, std::min(end, at + kStripe));
  }

  std::string name() const override { return fmt::format("{} shards of {} examples at frozen parameters", kShards, batches_.front().size()); }
  Share share() const override { return share_; }

 private:
  /// Chunks begin where the largest batches do; smaller ones are parts of one.
  std::size_t chunk_of(const Range& batch) const { return batch.begin / chunk_size(setting_.data.size(), setting_.data.nonzeros()); }

  /// First the rows that one shard alone touches, shard by shard, then the shared ones.
  void plan(const std::vector<Touched>& touched) {
    for (std::size_t s = 0; s <= kShards; ++s) {
      starts_.push_back(touched_.size());
      const auto belongs = [&](const Touched& t) { return s < kShards ? t.shards == 1u << s : std::popcount(t.shards) > 1; };
      std::ranges::copy_if(touched, std::back_inserter(touched_), belongs);
    }
  }

  /// How long the longest shard is, in nonzeros.
  void measure(const Range& batch) {
    const Examples examples = setting_.data.examples();
    double longest = 0;
    for (std::size_t s = 0; s < kShards; ++s) {
      double nonzeros = 0;
      const Range shard = Touches::part(batch, s);
      for (std::size_t i = shard.begin; i < shard.end; ++i) nonzeros += examples[i].size;
      share_.all += nonzeros;
      longest = std::max(longest, nonzeros);
    }
    share_.longest += longest;
  }

  void apply(const Round& round, std::size_t begin, std::size_t end) {
    with_rule(setting_.kernel.rule, [&](auto rule) {
      using Rule = decltype(rule);
      const Relaxed<Rule> access{rule_with<Rule>(round.rate, round.l1)}, free{rule_with<Rule>(round.rate, 0)};
      const Layout &layout = setting_.kernel.layout, &gathered = sums_[0].layout();
      const Cells cells = setting_.parameters.cells();
      float* bases[kShards];
      for (std::size_t s = 0; s < kShards; ++s) bases[s] = sums_[s].memory().data();
      for (std::size_t i = begin; i < end; ++i) {
        const Touched& touched = touched_[i];
        const auto width = static_cast<std::size_t>(layout.shape(touched.table).width);
        float* const cell = cells.write[touched.table] + touched.row * layout.stride(touched.table);
        const std::size_t offset = gathered.offset(touched.table) + touched.row * gathered.stride(touched.table);
        float* sums[kShards];
        for (std::size_t s = 0; s < kShards; ++s) sums[s] = bases[s] + offset;
        const auto& used = layout.shape(touched.table).space >= 0 ? access : free;  // no L1 on an intercept
        if (width == 1)
          apply_row<float>(used, cell, sums, 1, touched);
        else
          apply_row<ThreadLanes::F>(used, cell, sums, width, touched);
      }
    });
  }

  std::vector<Range> batches_;
  std::vector<Parameters> sums_;  ///< of each shard
  std::vector<Touched> touched_;
  std::vector<std::size_t> starts_;  ///< in touched_: of batch b those of shard s alone from [b * (kShards + 1) + s] on, then the shared
  Share share_;
};

}  // namespace

std::unique_ptr<Discipline> make_shards(const Setting& setting) { return std::make_unique<Shards>(setting); }

}  // namespace sounder::shm
