// Mode `local`.
// Guarantee: all ranks start from the same parameters after every `--local-rounds` rounds: the mean of what the ranks made of the last
//   such ones, by rank or (`--weight-samples`) by example; the same bits on all ranks. With `--outer-momentum` m the mean movement d is
//   followed with momentum: v = m v + d, x += v. Rule state never travels. One rank, without momentum: the node's mode exactly.
// Staleness: a rank sees nothing of the others' rounds since the last average: 0 to local-rounds - 1 clocks.
// Cost per average (not per round): 2 (P - 1) messages a rank and 2 (P - 1) / P of the weights; where fewer bytes, only the rows that moved.
// Blocks when: the parameters are averaged, for the slowest rank that trains.
// Fails how: the more rounds, the farther ranks drift apart, and the mean of P ranks makes the progress of about one; much momentum
//   overshoots. `--participation` f lets a seeded draw of ceil(f P) ranks train between two averages, and the others pass their rounds
//   by: an epoch is then one pass of the rounds, in which only about f of the examples are visited.
// Source: McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017; Stich, "Local SGD
//   converges fast and communicates little", ICLR 2019; the momentum: Wang et al., "SlowMo", ICLR 2020.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <sounder/data/random.hpp>

#include "merge_audit.hpp"
#include "modes/local.hpp"

namespace sounder::mpi {
namespace {

class Local final : public RankDiscipline {
 public:
  Local(const Setting& setting, Average average)
      : setting_(setting),
        average_(std::move(average)),
        reducer_(setting.endpoint, setting.kernel.layout),
        base_(packed_size(setting.kernel.layout)),
        values_(base_.size()),
        averages_(static_cast<std::uint64_t>(setting.first_round / setting.mpi.local_rounds)),
        audit_(setting.mpi.audit) {
    pack(setting.parameters, base_);
    if (setting.mpi.outer_momentum > 0) velocity_.resize(reducer_.slice_end() - reducer_.slice_begin());
  }

  void run(const RankRound& round, const std::function<void()>& pad) override {
    if (rounds_ == 0) trains_ = setting_.data.size() > 0 && draw();
    telemetry_.staleness_clocks.add(static_cast<std::uint64_t>(rounds_));
    if (trains_) {
      setting_.backend.run(round.round, round.queue);
      examples_ += round.queue.taken();
      pad();  // a rank that passes keeps nobody waiting
    } else {
      for (const Range& range : round.queue.take_all()) round.queue.skip(range.size());
    }
    if (++rounds_ == setting_.mpi.local_rounds) average();
  }

  void finish() override {
    if (rounds_ > 0) average();
  }

  ModeTelemetry telemetry() const override {
    ModeTelemetry telemetry = telemetry_;
    telemetry.remark = fmt::format("{} averages, {} rounds apart", averages_, setting_.mpi.local_rounds);
    if (drawn() < setting_.workers) telemetry.remark += fmt::format(", in which {} of {} ranks train", drawn(), setting_.workers);
    if (reducer_.dense_bytes() > 0)
      telemetry.remark += fmt::format("; rows that moved were {:.3g} % of the bytes of all rows",
                                      100 * static_cast<double>(reducer_.bytes()) / static_cast<double>(reducer_.dense_bytes()));
    audit_.report(telemetry);
    return telemetry;
  }

 private:
  /// How many ranks train between two averages.
  int drawn() const {
    const double wanted = setting_.mpi.participation * setting_.workers;
    return std::clamp(static_cast<int>(std::ceil(wanted - 1e-9)), 1, setting_.workers);
  }

  /// Whether this rank is among those that train until the next average.
  bool draw() const {
    if (drawn() == setting_.workers) return true;
    std::vector<int> ranks(static_cast<std::size_t>(setting_.workers));
    std::iota(ranks.begin(), ranks.end(), 0);
    Random random(setting_.options.seed, std::uint64_t{0x66656400} << 32 | averages_);
    for (std::size_t i = 0; i < static_cast<std::size_t>(drawn()); ++i) {
      std::swap(ranks[i], ranks[i + random.below(ranks.size() - i)]);
      if (ranks[i] == setting_.endpoint.rank()) return true;
    }
    return false;
  }

  void average() {
    const double weight = !trains_ ? 0 : setting_.mpi.weight_samples ? static_cast<double>(examples_) : 1;
    if (setting_.workers > 1 || !velocity_.empty()) {
      pack(setting_.parameters, values_);
      const Checksum gave = audit_.on() ? checksum(values_) : Checksum{};
      average_(reducer_, base_, values_, weight, velocity_.empty() ? MeanReducer::Finish{} : [this](auto... of) { follow(of...); });
      if (audit_.on() && velocity_.empty()) audit_.mean(setting_.endpoint, averages_, gave, weight, values_);
      if (audit_.on() && !velocity_.empty()) audit_.alike(setting_.endpoint, averages_, values_);
      unpack(values_, setting_.parameters);
      std::swap(base_, values_);
    }
    rounds_ = 0;
    examples_ = 0;
    ++averages_;
  }

  /// The mean, seen as a movement from `base`, with momentum. Its velocities lie with the owner of the slice.
  void follow(std::size_t table, std::size_t begin, std::span<const float> base, std::span<float> mean) {
    const auto momentum = static_cast<float>(setting_.mpi.outer_momentum);
    float* const velocity = velocity_.data() + (begin - reducer_.slice_begin());
    for (std::size_t i = 0; i < mean.size(); ++i) {
      velocity[i] = momentum * velocity[i] + (mean[i] - base[i]);
      mean[i] = base[i] + velocity[i];
    }
    if (!setting_.kernel.project) return;  // the mean is where the ranks' values are, but momentum leads out of there
    const auto width = static_cast<std::size_t>(setting_.kernel.layout.shape(table).width);
    for (std::size_t at = 0; at < mean.size(); at += width) setting_.kernel.project(static_cast<int>(table), mean.subspan(at, width));
  }

  Setting setting_;
  Average average_;
  MeanReducer reducer_;
  std::vector<float> base_;      ///< packed: what all ranks started from
  std::vector<float> values_;
  std::vector<float> velocity_;  ///< of the slice of this rank; empty: no momentum
  bool trains_ = true;
  int rounds_ = 0;               ///< since the last average
  std::uint64_t examples_ = 0;   ///< the same
  std::uint64_t averages_;       ///< in the whole run
  MergeAudit audit_;
  ModeTelemetry telemetry_;
};

}  // namespace

std::unique_ptr<RankDiscipline> make_local(const Setting& setting, Average average) {
  return std::make_unique<Local>(setting, std::move(average));
}

RankModeEntry local_mode() {
  return {.pace = Pace::lockstep,
          .replicas_differ = true,
          .make = [](const Setting& setting) { return make_local(setting); }};
}

}  // namespace sounder::mpi
