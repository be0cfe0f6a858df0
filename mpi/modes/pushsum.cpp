// Mode `pushsum`.
// Guarantee: after every round a rank gives its neighbour of the round in --topology (one-peer unless given: in round t the rank 2^t below)
//   half of its mass, and adds what it was given meanwhile. Mass is the parameters times a weight that travels with them; the sums of
//   masses and of weights over the ranks, with what is under way, are kept, on any directed graph and at any pace of the ranks. At the
//   end all hold the exact mean by weight, the same bits. A rank that has left is given nothing any more, as soon as that is known; one
//   without examples never is, and has weight 0. Rule state never travels. One rank: the node's mode exactly.
// Staleness: at most s clocks, s being --staleness, 0 unless given: what a neighbour gave in round t is there s rounds later. What it gave
//   in later rounds may be there, too.
// Cost per round: one message with all weights to the neighbour, none back.
// Blocks when: a rank is more than s rounds ahead of one that it hears from.
// Fails how: to the pace of the slowest rank, for any s, if it is always the same one; as gossip, where the graph has a small gap. The farther a
//   rank is ahead, the less weight it holds and the less its movements count (4 ranks that took turns on 2 cores, ratings, 20
//   epochs: loss 0.53 with s = 0, 0.61 with 1, 0.66 with 4; 0.56 of one process). Where all whom a rank tells have left, or have no
//   examples, it trains by itself.
// Source: Assran, Loizou, Ballas, Rabbat, "Stochastic gradient push for distributed deep learning", ICML 2019; without waiting: Assran
//   and Rabbat, "Asynchronous gradient push", 2020 (here parameters move, there masses: with a small weight such a step is a large one);
//   push-sum: Kempe, Dobra, Gehrke, "Gossip-based computation of aggregate information", FOCS 2003.
#include "modes/pushsum.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "collectives.hpp"
#include "modes/agreed_topology.hpp"
#include "reduce/mean.hpp"

namespace sounder::mpi {
namespace {

constexpr std::uint64_t kGoodbye = 1;  ///< Header::detail of a frame without mass: the sender gives no more, and wants none
constexpr std::uint64_t kLeft = ~std::uint64_t{0};

class PushSumMode final : public RankDiscipline {
 public:
  PushSumMode(const Setting& setting, const PushSumFactory& make_sum)
      : setting_(setting),
        topology_(agreed_topology(setting, TopologyName::one_peer)),
        z_(packed_size(setting.kernel.layout)),
        heard_(static_cast<std::size_t>(setting.workers)),
        sum_(make_sum(z_.size(), setting.data.size() > 0 ? 1 : 0)) {
    for (std::uint64_t round = 0; round < topology_.period(); ++round) {
      for (const int source : topology_.sources(me(), round)) neighbours_.insert(source);
      for (const int target : topology_.targets(me(), round)) neighbours_.insert(target);
    }
    here_ = neighbours_;
    if (here_.empty()) all_left_.set();
    const std::vector<Payload> sizes = all_gather(setting.endpoint, Payload::of(std::vector<std::uint64_t>{setting.data.size()}));
    for (std::size_t rank = 0; rank < heard_.size(); ++rank)
      if (sizes[rank].as<std::uint64_t>()[0] > 0)
        ++training_;
      else
        heard_[rank] = kLeft;
    setting_.endpoint.handle(Kind::parameters, [this](const Frame& frame) {
      const std::lock_guard lock(mutex_);
      if (frame.header.detail == kGoodbye) {
        here_.erase(frame.header.source);
        if (here_.empty()) all_left_.set();
        heard_[static_cast<std::size_t>(frame.header.source)] = kLeft;
      } else {
        const std::uint64_t late = clock_ - std::min(clock_, frame.header.clock);
        sum_->take(frame);
        heard_[static_cast<std::size_t>(frame.header.source)] = frame.header.clock + 1;
        telemetry_.staleness_clocks.add(late);
        if (setting_.mpi.audit) ++telemetry_.reads, telemetry_.violations += late > setting_.mpi.clocks();
      }
      if (due_ && missing().empty()) std::exchange(due_, nullptr)->set();
    });
  }
  ~PushSumMode() override { setting_.endpoint.ignore(Kind::parameters); }

  void run(const RankRound& round, const std::function<void()>& pad) override {
    setting_.backend.run(round.round, round.queue);
    pad();
    std::vector<int> targets;
    {
      const std::lock_guard lock(mutex_);
      for (const int target : topology_.targets(me(), clock_))
        if (heard_[static_cast<std::size_t>(target)] != kLeft) targets.push_back(target);
      pack(setting_.parameters, z_);
      sum_->give(z_, targets, clock_, setting_.endpoint);
    }
    await();
    {
      const std::lock_guard lock(mutex_);
      ++clock_;
      if (sum_->merge(z_) > 0) unpack(z_, setting_.parameters);
      least_ = std::min(least_, sum_->weight());
    }
    messages_ += targets.size();
  }

  void leave() override {
    for (const int neighbour : neighbours_)
      setting_.endpoint.send(neighbour, {.kind = Kind::parameters, .channel = Channel::gossip, .clock = clock_, .detail = kGoodbye});
  }

  void finish() override {
    setting_.endpoint.wait(all_left_, {.what = "the last mass of neighbours", .clock = clock_, .on = [this] {
                                         return std::vector<int>(here_.begin(), here_.end());
                                       }});
    pack(setting_.parameters, z_);
    sum_->merge(z_);  // nothing comes any more
    std::vector<float> mean = z_;
    MeanReducer(setting_.endpoint, setting_.kernel.layout).reduce(mean, training_ > 0 ? sum_->weight() : 1);
    unpack(mean, setting_.parameters);
    double apart = 0, length = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double of_mean = static_cast<double>(mean[i]), off = static_cast<double>(z_[i]) - of_mean;
      if (sum_->weight() > 0) apart += off * off;
      length += of_mean * of_mean;
    }
    const double counting = std::max(1, training_);
    const double measured[] = {apart, static_cast<double>(messages_), static_cast<double>(clock_), sum_->weight()};
    const auto sums = all_sum<double>(setting_.endpoint, measured);
    double least = least_;
    for (const Payload& of : all_gather(setting_.endpoint, Payload::of(std::vector{least_}))) least = std::min(least, of.as<double>()[0]);
    if (setting_.mpi.audit) ++telemetry_.reads, telemetry_.violations += std::abs(sums[3] - training_) > 1e-9 * training_;
    telemetry_.remark =
        fmt::format("{} of {} ranks; {:.3g} messages a round and rank; weights sum to {:.10g}, the least was {:.2g}; consensus distance {:.3g}, {:.2g} % of the mean",
                    topology_.text(), topology_.ranks(), sums[1] / std::max(1., sums[2]), sums[3], least, std::sqrt(sums[0] / counting),
                    length > 0 ? 100 * std::sqrt(sums[0] / counting / length) : 0);
    if (training_ < topology_.ranks()) telemetry_.remark += fmt::format("; without examples and weight: {}", topology_.ranks() - training_);
  }

  ModeTelemetry telemetry() const override { return telemetry_; }

 private:
  int me() const { return setting_.endpoint.rank(); }

  /// Who has not given what it gave s rounds ago.
  std::vector<int> missing() const {
    std::vector<int> ranks;
    if (clock_ < setting_.mpi.clocks()) return ranks;
    const std::uint64_t round = clock_ - setting_.mpi.clocks();
    for (const int source : topology_.sources(me(), round))
      if (heard_[static_cast<std::size_t>(source)] <= round) ranks.push_back(source);
    return ranks;
  }

  void await() {
    Signal came;
    {
      const std::lock_guard lock(mutex_);
      if (missing().empty()) return;
      due_ = &came;
    }
    try {
      setting_.endpoint.wait(came, {.what = "the mass of a neighbour", .clock = clock_, .on = [this] { return missing(); }});
    } catch (...) {
      const std::lock_guard lock(mutex_);
      due_ = nullptr;  // mass may still come
      throw;
    }
  }

  const Setting setting_;
  const Topology topology_;
  std::vector<float> z_;      ///< packed
  int training_ = 0;          ///< ranks that have examples
  std::set<int> neighbours_;  ///< that this rank hears from or tells in any round
  // Written and read by: the communication thread; the constructor before.
  std::set<int> here_;                 ///< neighbours that have not said goodbye
  std::vector<std::uint64_t> heard_;   ///< of each source, the last round and 1, or kLeft; read by run() too, under mutex_
  Signal all_left_;
  std::mutex mutex_;
  Signal* due_ = nullptr;         // guarded by mutex_; lives while run() waits
  std::unique_ptr<PushSum> sum_;  // guarded by mutex_
  std::uint64_t clock_ = 0;       // written by run() under mutex_, not while it waits
  ModeTelemetry telemetry_;       // guarded by mutex_ until finish()
  std::uint64_t messages_ = 0;
  double least_ = 1;
};

}  // namespace

std::unique_ptr<RankDiscipline> make_pushsum(const Setting& setting, const PushSumFactory& make_sum) {
  return std::make_unique<PushSumMode>(setting, make_sum);
}

RankModeEntry pushsum_mode() {
  return {.pace = Pace::free,
          .replicas_differ = true,
          .make = [](const Setting& setting) { return make_pushsum(setting); }};
}

}  // namespace sounder::mpi
