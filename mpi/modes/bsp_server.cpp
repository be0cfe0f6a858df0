// Mode `bsp` by --architecture server: the servers of the rows add up the workers' gradients of a clock, and step.
#include <algorithm>
#include <utility>
#include <vector>

#include <sounder/error.hpp>
#include <sounder/mpi/kv_store.hpp>
#include <sounder/train/team.hpp>

#include "collectives.hpp"
#include "gradients/collector.hpp"
#include "gradients/gradient_rows.hpp"
#include "modes/bsp.hpp"
#include "touched_rows.hpp"

namespace sounder::mpi {
namespace {

using Scales = std::vector<std::vector<float>>;

std::vector<KvTable> tables_of(const Layout& layout) {
  std::vector<KvTable> tables;
  for (std::size_t table = 0; table < layout.tables(); ++table) {
    const TableShape& shape = layout.shape(table);
    tables.push_back({.rows = shape.rows, .width = shape.width, .push_width = shape.width + 1});  // the sum of a behind those of b * x
  }
  return tables;
}

/// The rows of a server, as a layout of the same tables.
Layout layout_of(ShardRows& shard, const Layout& whole) {
  std::vector<TableShape> tables;
  for (std::size_t table = 0; table < shard.tables(); ++table)
    tables.push_back({.rows = static_cast<std::size_t>(shard.rows(table)), .width = shard.width(table), .space = whole.shape(table).space});
  return Layout(std::move(tables), whole.states());
}

/// Adds up what the workers push in a clock, in the order of the workers, and then steps the rule once in each row. Rule state lies
/// here, beside a copy of the weights; without state the step is done where the weights are.
class StepOnSum final : public Updater {
 public:
  StepOnSum(ShardRows& shard, const Kernel& kernel, const Scales& scales, double examples_of_clock)
      : kernel_(kernel), layout_(layout_of(shard, kernel.layout)), numbers_(layout_), examples_(examples_of_clock) {
    for (std::size_t table = 0; table < shard.tables(); ++table) {
      std::vector<float>& own = scales_.emplace_back();
      for (std::uint64_t row = 0; row < shard.rows(table); ++row)
        own.push_back(scales[table][static_cast<std::size_t>(shard.whole_row(table, row))]);
    }
    if (layout_.states() == 0) return;
    with_states_ = Parameters(layout_);
    for (std::size_t table = 0; table < shard.tables(); ++table)
      for (std::uint64_t row = 0; row < shard.rows(table); ++row)
        std::ranges::copy(shard.row(table, row), with_states_.row(table, static_cast<std::size_t>(row)).begin());
  }

  void begin_clock(ShardRows&, std::uint64_t) override { sum_ = {}; }

  void apply(ShardRows&, const PushView& push) override {
    rate_ = push.rate;
    RowSums rows;
    const float* from = push.values.data();
    bool decays = false;
    for (const Run& run : push.runs)
      for (std::uint32_t i = 0; i < run.count; ++i) {
        const std::size_t width = numbers_.width(run.table);
        rows.numbers.push_back(numbers_.begin(run.table) + static_cast<std::uint32_t>(run.first) + i);
        rows.sums.insert(rows.sums.end(), from, from + width);
        rows.decays.push_back(from[width]);
        decays |= from[width] != 0;
        from += width + 1;
      }
    if (rows.numbers.empty()) return;
    if (!std::ranges::is_sorted(rows.numbers)) throw Error("a push of gradients has rows out of order: give them ascending");
    if (!decays) rows.decays.clear();
    settle(rows);
    sum_ = add(sum_.view(), rows.view(), numbers_);
  }

  void end_clock(ShardRows& shard, std::uint64_t clock) override {
    if (sum_.count == 0) return;
    StepContext context{.cells = {}, .rate = rate_, .l1 = static_cast<float>(kernel_.l1 * examples_ * static_cast<double>(clock + 1))};
    const bool states = layout_.states() > 0;
    if (states) context.cells = with_states_.cells();
    for (std::size_t table = 0; !states && table < layout_.tables(); ++table) context.cells.write[table] = shard.floats(table).data();
    SerialTeam alone;
    step_on(sum_.view(), numbers_, kernel_, context, scales_, alone);
    if (!states) return;
    const RowView rows = sum_.view();
    for (std::size_t i = 0, table = 0; i < rows.count; ++i) {
      while (rows.number(i) >= numbers_.end(table)) ++table;
      const std::uint32_t row = rows.number(i) - numbers_.begin(table);
      std::ranges::copy(with_states_.row(table, row), shard.row(table, row).begin());
    }
  }

 private:
  const Kernel& kernel_;
  const Layout layout_;  ///< of the rows here
  const RowNumbers numbers_;
  const double examples_;
  Scales scales_;
  Parameters with_states_;
  RowSums sum_;
  float rate_ = 0;
};

class ByServers final : public RankDiscipline {
 public:
  ByServers(const Setting& setting, const BspParts& parts)
      : setting_(setting),
        numbers_(setting.kernel.layout),
        scales_(setting_, numbers_, parts),
        collector_(setting_, numbers_),
        touched_(setting.kernel),
        store_(setting.world, tables_of(setting.kernel.layout), packed_of(setting.parameters), store_options()) {}

  void run(const RankRound& round, const std::function<void()>& pad) override {
    pull(touched_.of(setting_.data, round.ranges));
    const RowSums sums = collector_(round);
    pad();
    push(sums, {.rate = round.round.rate, .examples = round.queue.taken(), .completes_clock = true});
  }

  /// All ranks are in the same clock, and read the same bits.
  void refresh() override { pull(touched_.all()); }
  void leave() override { store_.leave(); }
  /// From copies that the servers make when nothing is under way, as ranks that only serve may pull these alone.
  void finish() override {
    store_.quiesce();
    if (store_.serves()) setting_.endpoint.run([&] { store_.snapshot(kLast); });
    barrier(setting_.endpoint);
    std::vector<float> packed(store_.packed_floats());
    store_.wait(store_.pull_snapshot(kLast, packed));
    unpack(packed, setting_.parameters);
    barrier(setting_.endpoint);
    store_.drop_snapshot(kLast);
  }
  ModeTelemetry telemetry() const override {
    const KvTelemetry store = store_.telemetry();
    return {.staleness_clocks = store.staleness_clocks,
            .staleness_updates = {},
            .reads = store.reads,
            .violations = store.violations,
            .remark = store.violations > 0 ? store.first_violation : scales_.remark()};
  }

 private:
  static constexpr std::uint64_t kLast = ~std::uint64_t{0};  ///< number of the copy of the last state

  static std::vector<float> packed_of(const Parameters& parameters) {
    std::vector<float> packed(packed_size(parameters.layout()));
    pack(parameters, packed);
    return packed;
  }
  KvOptions store_options() const {
    return {.workers = setting_.workers,
            .servers = setting_.mpi.dedicated_servers,  // 0: all
            .first_server = setting_.mpi.dedicated_servers > 0 ? setting_.workers : 0,
            .staleness = 0,
            .visibility = Visibility::exact,
            .updater =
                [this](ShardRows& shard, int) {
                  return std::make_unique<StepOnSum>(shard, setting_.kernel, scales_(), scales_.examples());
                },
            .audit = setting_.mpi.audit};
  }

  void pull(const std::vector<Run>& runs) {
    pulled_.resize(floats_of(setting_.kernel.layout, runs));
    store_.wait(store_.pull(runs, pulled_));
    scatter(pulled_, runs, setting_.parameters);
  }

  void push(const RowSums& sums, const PushInfo& info) {
    const RowView rows = sums.view();
    if (rows.count == 0) return store_.clock();
    std::vector<Run> runs;
    std::vector<float> values;
    values.reserve(rows.sums.size() + rows.count);
    const float* from = rows.sums.data();
    for (std::size_t i = 0, table = 0; i < rows.count; ++i) {
      while (rows.number(i) >= numbers_.end(table)) ++table;
      const std::uint32_t row = rows.number(i) - numbers_.begin(table);
      if (!runs.empty() && runs.back().table == table && runs.back().first + runs.back().count == row)
        ++runs.back().count;
      else
        runs.push_back({.table = static_cast<std::uint32_t>(table), .count = 1, .first = row});
      values.insert(values.end(), from, from + numbers_.width(table));
      values.push_back(rows.decays.empty() ? 0.f : rows.decays[i]);
      from += numbers_.width(table);
    }
    store_.push(runs, std::move(values), info);
  }

  const Setting setting_;
  const RowNumbers numbers_;
  const BspScales scales_;
  Collector collector_;
  TouchedRows touched_;
  KvStore store_;
  std::vector<float> pulled_;
};

}  // namespace

std::unique_ptr<RankDiscipline> make_bsp_by_servers(const Setting& setting, const BspParts& parts) {
  return std::make_unique<ByServers>(setting, parts);
}

}  // namespace sounder::mpi
