// Mode `adpsgd`.
// Guarantee: after every round a rank and one neighbour of --topology, drawn anew, replace the parameters of both by their mean: one pair at
//   a time, each average of both ranks' newest values, and what a rank learned in a round is added to what it has by then. So the
//   sum over the ranks is that of all movements, to rounding. At the end all ranks hold the exact mean, the same bits. Rule state
//   never travels. One rank: the node's mode exactly.
// Staleness: unbounded: a round trains on the parameters as they were at its begin; measured, in averages with others until it ends.
// Cost per round: a message with all weights to the neighbour, and one back; a refused one costs the first alone.
// Blocks when: never for another rank's training; only for a neighbour's answer, which its communication thread gives at once. A neighbour
//   that waits for an answer itself refuses: the round then goes by without an average.
// Fails how: a slow rank's movements are late by as many averages as were made meanwhile: large steps overshoot. On a graph with a small
//   spectral gap ranks drift apart. Each average is between two: ranks agree by about half as fast as in gossip.
// Source: Lian, Zhang, Zhang, Liu, "Asynchronous decentralized parallel stochastic gradient descent", ICML 2018 (there the graph is
//   bipartite, and one half of the ranks never asks; here who is busy says so, on any graph).
#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include <fmt/format.h>

#include <sounder/data/random.hpp>

#include "collectives.hpp"
#include "merge_audit.hpp"
#include "modes/adpsgd.hpp"
#include "modes/agreed_topology.hpp"
#include "reduce/mean.hpp"

namespace sounder::mpi {
namespace {

std::vector<float> packed_of(const Setting& setting) {
  std::vector<float> packed(packed_size(setting.kernel.layout));
  pack(setting.parameters, packed);
  return packed;
}

/// Everyone whom a rank hears from or tells in any round.
std::vector<int> neighbours_of(const Topology& topology, int rank) {
  std::set<int> all;
  for (std::uint64_t round = 0; round < topology.period(); ++round) {
    for (const int other : topology.sources(rank, round)) all.insert(other);
    for (const int other : topology.targets(rank, round)) all.insert(other);
  }
  return {all.begin(), all.end()};
}

class AdPsgd final : public RankDiscipline {
 public:
  AdPsgd(const Setting& setting, const PairAverageFactory& make_pair)
      : setting_(setting),
        topology_(agreed_topology(setting, TopologyName::ring)),
        neighbours_(neighbours_of(topology_, setting.endpoint.rank())),
        draw_(setting.options.seed, std::uint64_t{0x61647073} << 32 | static_cast<unsigned>(setting.endpoint.rank())),
        pair_(make_pair(packed_of(setting))),
        audit_(setting.mpi.audit) {
    setting_.endpoint.handle(Kind::pair, [this](const Frame& frame) {
      const std::lock_guard lock(mutex_);
      pair_->receive(frame, setting_.endpoint);
      if (answered_ && !pair_->asks()) std::exchange(answered_, nullptr)->set();
    });
  }
  ~AdPsgd() override { setting_.endpoint.ignore(Kind::pair); }

  void run(const RankRound& round, const std::function<void()>& pad) override {
    if (alone()) {
      setting_.backend.run(round.round, round.queue);
      pad();
      return telemetry_.staleness_updates.add(0);
    }
    const std::uint64_t begin = read();
    setting_.backend.run(round.round, round.queue);
    pad();
    std::vector<float> moved = packed_of(setting_);
    for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= base_[i];
    Signal answered;
    const int other = neighbours_[draw_.below(neighbours_.size())];
    {
      const std::lock_guard lock(mutex_);
      telemetry_.staleness_updates.add(pair_->averages() - begin);
      pair_->move(moved);
      ++rounds_;
      answered_ = &answered;
      pair_->ask(other, setting_.endpoint);
    }
    await(answered, other);
    read();
  }

  void refresh() override {
    if (!alone()) read();
  }

  void finish() override {
    barrier(setting_.endpoint);  // each has had its last answer: nothing is under way
    setting_.endpoint.ignore(Kind::pair);
    if (alone())
      base_ = packed_of(setting_);
    else
      read();
    std::vector<float> mean = base_;
    MeanReducer(setting_.endpoint, setting_.kernel.layout).reduce(mean, 1);
    if (audit_.on()) audit_.mean(setting_.endpoint, rounds_, checksum(base_), 1, mean);
    unpack(mean, setting_.parameters);
    double apart = 0, length = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double of_mean = static_cast<double>(mean[i]), off = static_cast<double>(base_[i]) - of_mean;
      apart += off * off, length += of_mean * of_mean;
    }
    const double measured[] = {apart, static_cast<double>(pair_->averages()) / 2, static_cast<double>(pair_->refused())};  // an average is of two
    const auto sums = all_sum<double>(setting_.endpoint, measured);
    telemetry_.remark = fmt::format("{} of {} ranks; {} averages of two, {} refused by who was busy; consensus distance {:.3g}, {:.2g} % of the mean",
                                    topology_.text(), topology_.ranks(), sums[1], sums[2],
                                    std::sqrt(sums[0] / topology_.ranks()),
                                    length > 0 ? 100 * std::sqrt(sums[0] / topology_.ranks() / length) : 0);
  }

  ModeTelemetry telemetry() const override {
    ModeTelemetry telemetry = telemetry_;
    audit_.report(telemetry);
    return telemetry;
  }

 private:
  void await(const Signal& answered, int other) {
    try {
      setting_.endpoint.wait(answered, {.what = "the answer of a neighbour", .clock = rounds_, .on = [other] { return std::vector<int>{other}; }});
    } catch (...) {
      const std::lock_guard lock(mutex_);
      answered_ = nullptr;  // an answer may still come
      throw;
    }
  }

  /// Nobody asks this rank, and it asks nobody: its values are the parameters, which need no copy in every round.
  bool alone() const { return neighbours_.empty(); }

  /// Brings the rank's values into the parameters. Returns how many averages they are of.
  std::uint64_t read() {
    std::uint64_t averages = 0;
    {
      const std::lock_guard lock(mutex_);  // the communication thread answers others meanwhile: no longer than it takes to copy
      base_ = pair_->values();
      averages = pair_->averages();
    }
    unpack(base_, setting_.parameters);
    return averages;
  }

  const Setting setting_;
  const Topology topology_;
  const std::vector<int> neighbours_;
  Random draw_;
  std::mutex mutex_;
  std::unique_ptr<PairAverage> pair_;  // guarded by mutex_
  Signal* answered_ = nullptr;         // guarded by mutex_; lives while run() waits
  std::vector<float> base_;            ///< packed: what the round began with
  std::uint64_t rounds_ = 0;
  MergeAudit audit_;
  ModeTelemetry telemetry_;
};

}  // namespace

std::unique_ptr<RankDiscipline> make_adpsgd(const Setting& setting, const PairAverageFactory& make_pair) {
  return std::make_unique<AdPsgd>(setting, make_pair);
}

RankModeEntry adpsgd_mode() {
  return {.pace = Pace::free,
          .replicas_differ = true,
          .make = [](const Setting& setting) { return make_adpsgd(setting); }};
}

}  // namespace sounder::mpi
