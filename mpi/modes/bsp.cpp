// Mode `bsp`.
// Guarantee: the ranks together do the steps of one process: a round adds up the gradients of a batch at parameters that nobody moves
//   meanwhile, and the rule steps once on the sum. All ranks hold the same bits between rounds. With --deterministic they are the same
//   bits for any number of ranks and threads.
// Staleness: 0 clocks; within a batch, no example sees another.
// Cost per round: --reducer ring, double-ring and mpi: a small message to each other rank, then the touched rows to each ((P - 1) times their bytes)
//   or 2 (P - 1) / P of the tables, whatever is less; deterministic: as much, and a little more where P is no power of two. Rows carry
//   gradients, never rule state. --codec: the coded rows to each other rank; what a code leaves out goes along with a later round's.
//   --architecture server: the touched rows to their servers, and the next round's rows back.
// Blocks when: every round, until the slowest rank has given its gradients.
// Fails how: a rank that is missing stops all, at --deadline. Large batches are slow to converge: a row that all examples touch moves
//   once a round. So gradients are added up only as far as no step overshoots, and their mean is taken beyond (gradients/sum_limit.hpp).
// Dense examples of a model that gives its gradient layer by layer: bsp_layers.cpp; --architecture server: bsp_server.cpp.
// Source: Valiant, "A bridging model for parallel computation", CACM 1990; rows are scaled after Defossez and Bach, "AdaBatch", 2017.
//
// --node-mode only says how the threads of a rank add up, and all of them do it alike: each gathers a sum of its own, and the sums are
// added in the order of the workers. One sum that all threads write would lose updates, and save a pass over the touched rows.
#include "modes/bsp.hpp"

#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/params/gradient.hpp>
#include <sounder/params/touches.hpp>

#include "batch.hpp"
#include "collectives.hpp"
#include "gradients/collector.hpp"
#include "gradients/gradient_rows.hpp"
#include "gradients/shard_order.hpp"
#include "gradients/sum_limit.hpp"
#include "merge_audit.hpp"
#include "reduce/coded_reducer.hpp"
#include "reduce/row_reducer.hpp"

namespace sounder::mpi {

namespace {

constexpr const char* kSumLimit = "sum limit";

}  // namespace

BspScales::BspScales(const Setting& setting, const RowNumbers& numbers, const BspParts& parts, double counted)
    : rounds_(rounds_of_epoch(setting.all_examples, batch_of(setting.options, setting.mpi, setting.all_examples))),
      examples_(counted * static_cast<double>(setting.all_examples) / static_cast<double>(rounds_)),
      shares_(one_of_all(setting.endpoint,
                         census(setting.endpoint, setting.kernel, setting.data,
                                setting.shard_begins.empty() ? Range{} : Range{setting.shard_begins.front(), setting.shard_begins.back()},
                                setting.all_examples))),
      limit_(limit_of(setting, numbers, parts)),
      scales_(one_for_all<std::vector<std::vector<float>>>(setting.endpoint, [this] { return batch_scales(*shares_, examples_ / limit_); })) {}

/// Measured at the start values: a run that goes on has none.
double BspScales::limit_of(const Setting& setting, const RowNumbers& numbers, const BspParts& parts) const {
  if (parts.sum_limit) return *parts.sum_limit;
  if (setting.notes)
    if (const auto noted = setting.notes->find(kSumLimit); noted != setting.notes->end()) return std::stod(noted->second);
  return sum_limit(setting, numbers, *shares_, examples_);
}

std::map<std::string, std::string> BspScales::notes() const { return {{kSumLimit, fmt::format("{}", limit_)}}; }

std::string BspScales::remark() const { return fmt::format("up to {} gradients of a row are added up, of more the mean", limit_); }

namespace {

/// What both ways share: the step on what was added up.
class Bulk : public RankDiscipline {
 public:
  Bulk(const Setting& setting, const BspParts& parts)
      : setting_(setting), numbers_(setting.kernel.layout), scales_(setting, numbers_, parts), audit_(setting.mpi.audit) {
    telemetry_.remark = scales_.remark();
  }

  void run(const RankRound& round, const std::function<void()>& pad) override {
    gave_ = {};
    const RowSums sums = sum(round, pad);
    const Checksum got = audit_.on() ? checksum(sums.view(), numbers_) : Checksum{};
    step_on(sums.view(), numbers_, setting_.kernel, context_of(setting_, round.round), scales_(), setting_.backend.team());
    if (audit_.on()) audit_.sum(setting_.endpoint, static_cast<std::uint64_t>(round.round.index), gave_, got, setting_.parameters);
    telemetry_.staleness_clocks.add(0);
  }
  void finish() override {}
  ModeTelemetry telemetry() const override {
    ModeTelemetry telemetry = telemetry_;
    audit_.report(telemetry);
    return telemetry;
  }
  std::map<std::string, std::string> notes() const override { return scales_.notes(); }

 protected:
  /// The gradient of the round, of all ranks; pads between the own one and what comes of the others. Says what this rank gave.
  virtual RowSums sum(const RankRound& round, const std::function<void()>& pad) = 0;

  const Setting setting_;
  const RowNumbers numbers_;
  const BspScales scales_;
  ModeTelemetry telemetry_;
  MergeAudit audit_;
  Checksum gave_;  ///< in this round
};

class AllReduce final : public Bulk {
 public:
  AllReduce(const Setting& setting, const BspParts& parts)
      : Bulk(setting, parts),
        collector_(setting_, numbers_),
        reducer_(setting.endpoint, make_bsp_reducer(setting, parts), numbers_),
        sum_(parts.sum) {
    if (auto codec = make_codec(setting.mpi.codec, setting.mpi.topk_share, numbers_)) coded_.emplace(setting.endpoint, numbers_, std::move(codec), parts.feedback);
  }

 protected:
  RowSums sum(const RankRound& round, const std::function<void()>& pad) override {
    RowSums own = collector_(round);
    pad();
    if (coded_) {
      RowSums sums = coded_->sum(std::move(own));
      if (audit_.on()) gave_ = checksum(coded_->told().view(), numbers_);
      return sums;
    }
    if (audit_.on()) gave_ = checksum(own.view(), numbers_);
    return sum_(reducer_, std::move(own));
  }

 private:
  Collector collector_;
  RowReducer reducer_;
  std::function<RowSums(RowReducer&, RowSums)> sum_;
  std::optional<CodedReducer> coded_;  ///< with --codec: instead
};

/// What a round takes of each shard depends on (seed, epoch, round, shard) alone, one thread gathers it, and a fixed tree adds it up.
class Deterministic final : public Bulk {
 public:
  Deterministic(const Setting& setting, const BspParts& parts)
      : Bulk(setting, parts), tree_(parts.tree(setting.endpoint, numbers_, {.chunk_bytes = parts.chunk_bytes, .load = loads()})) {
    if (setting.backend.gatherer()) throw Error("--deterministic adds up in an order that a GPU does not keep: leave it out, or let CPU threads train alone");
    for (int i = 0; i < setting.backend.team().size(); ++i) gradients_.emplace_back(setting.kernel);
  }

 protected:
  RowSums sum(const RankRound& round, const std::function<void()>& pad) override {
    const StepContext context = context_of(setting_, round.round);
    // The queue counts the examples of an epoch; which ones a round takes is not its to say.
    round.queue.take_all();
    const auto epoch = static_cast<std::uint64_t>(round.round.epoch);
    const std::size_t in_epoch = static_cast<std::size_t>(round.round.index) - static_cast<std::size_t>(epoch) * scales_.rounds();
    // Written by: the workers, which draw shards. Relaxed: only the number matters.
    std::atomic<std::size_t> next{0};
    std::vector<Checksum> gave(gradients_.size());  // by worker
    setting_.backend.team().run([&](int worker) {
      Gradient& gradient = gradients_[static_cast<std::size_t>(worker)];
      for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) + 1 < setting_.shard_begins.size();) {
        const int shard = setting_.first_shard + static_cast<int>(i);
        const std::size_t begin = setting_.shard_begins[i], size = setting_.shard_begins[i + 1] - begin;
        const Range range = slice_of_shard(shard, size, in_epoch, scales_.rounds(), setting_.options.seed, epoch);
        gradient.collect(context, setting_.data.examples(), begin + range.begin, begin + range.end);
        gradient.close_intercept();
        RowSums rows = take_rows(gradient, numbers_);
        if (audit_.on()) gave[static_cast<std::size_t>(worker)] += checksum(rows.view(), numbers_);
        shards_.add({0, shard}, std::move(rows));
      }
    });
    for (const Checksum& of_worker : gave) gave_ += of_worker;
    pad();
    return tree_->sum(shards_);
  }

 private:
  /// Floats of each row that a round is expected to send.
  std::vector<float> loads() const {
    std::vector<float> loads;
    for (std::size_t table = 0; table < numbers_.tables(); ++table)
      for (const double share : scales_.shares()[table])
        loads.push_back(static_cast<float>(static_cast<double>(numbers_.width(table) + 1) * std::min(1., share * scales_.examples())));
    return loads;
  }

  std::vector<Gradient> gradients_;  ///< of each worker
  ShardTree shards_{numbers_};
  std::unique_ptr<TreeReducer> tree_;
};

}  // namespace

std::unique_ptr<Reducer> make_bsp_reducer(const Setting& setting, const BspParts& parts) {
  return make_reducer(setting.mpi.reducer, setting.endpoint, {.chunk_bytes = parts.chunk_bytes, .ranks_per_node = setting.mpi.ranks_per_node});
}

std::unique_ptr<RankDiscipline> make_bsp(const Setting& setting, const BspParts& parts) {
  const bool deterministic = setting.mpi.deterministic || setting.mpi.reducer == ReducerName::deterministic;
  if (setting.mpi.architecture == Architecture::server) {
    if (deterministic) throw Error("--deterministic adds up over a tree of shards, which servers do not: leave out --architecture server");
    if (setting.mpi.codec != CodecName::none) throw Error("--codec is for ranks that tell each other, not for servers: leave --architecture server out");
    return make_bsp_by_servers(setting, parts);
  }
  if (setting.workers != setting.endpoint.size())
    throw Error(fmt::format("--mode bsp adds up over all {} ranks, and {} of them train: leave out --servers, or give --architecture server",
                            setting.endpoint.size(), setting.workers));
  if (deterministic && setting.mpi.codec != CodecName::none)
    throw Error("--codec keeps what it leaves out on each rank, so that the bits depend on how many there are: leave --codec or --deterministic out");
  if (deterministic) return std::make_unique<Deterministic>(setting, parts);
  if (setting.mpi.codec == CodecName::none)
    if (auto by_layers = make_bsp_by_layers(setting, parts)) return by_layers;
  return std::make_unique<AllReduce>(setting, parts);
}

RankModeEntry bsp_mode() {
  return {.pace = Pace::lockstep, .make = [](const Setting& setting) -> std::unique_ptr<RankDiscipline> { return make_bsp(setting); }};
}

}  // namespace sounder::mpi
