// Mode `gossip`.
// Guarantee: after every round a rank's parameters become a weighted mean of its own and of those that its neighbours in `--topology`
//   have after the same round; rows and columns of the weights sum to 1, so that mixing alone keeps the mean over the ranks. At the
//   end all ranks hold the exact mean, the same bits. Rule state never travels. One rank: the node's mode exactly.
// Staleness: 0 clocks towards neighbours; what a rank has learned reaches another one after as many rounds as there are hops between
//   them, and its weight there evens out at the rate 1 - spectral gap a round. No rank is more rounds ahead of another than hops.
// Cost per round: a message with all weights to each neighbour: 2 of a ring, 1 of one-peer, P - 1 of complete. Never more than that through
//   one rank but the centre of a star.
// Blocks when: a neighbour has not ended the round; a slow rank slows its neighbours at once, the others after as many rounds as hops.
// Fails how: with a small gap (a ring of many ranks) the ranks drift apart, and steps must be smaller. A rank that has left is mixed without:
//   its part stays with each of its neighbours. On a directed graph that moves the mean of the others a little, and those that told
//   the one that has left go on telling it, in vain.
// Source: Lian et al., "Can decentralized algorithms outperform centralized algorithms?", NIPS 2017 (here ranks step, then mix); Xiao
//   and Boyd, "Fast linear iterations for distributed averaging", 2004; one-peer: Ying et al., NeurIPS 2021.
#include "modes/gossip.hpp"

#include <cmath>
#include <set>

#include <fmt/format.h>

#include "collectives.hpp"
#include "merge_audit.hpp"
#include "modes/agreed_topology.hpp"
#include "protocol/mixing.hpp"
#include "reduce/mean.hpp"

namespace sounder::mpi {
namespace {

constexpr std::uint64_t kGoodbye = 1;  ///< Header::detail of a frame without values: the sender has left before that round

/// What a rank that has left still hears.
struct LastMail {
  // Written by: the communication thread; before that by leave(), which hands it over (Endpoint::handle). Read by: the same.
  std::set<int> from;  ///< sources that have not left, as far as is known
  Signal all_came;
};

class Gossip final : public RankDiscipline {
 public:
  Gossip(const Setting& setting, Hear hear)
      : setting_(setting),
        hear_(std::move(hear)),
        topology_(agreed_topology(setting, TopologyName::ring)),
        mixing_(*one_for_all<Mixing>(setting.endpoint, [this] { return Mixing(topology_); })),
        gone_(static_cast<std::size_t>(setting.workers)),
        mixed_(packed_size(setting.kernel.layout)),
        audit_(setting.mpi.audit) {}

  void run(const RankRound& round, const std::function<void()>& pad) override {
    setting_.backend.run(round.round, round.queue);
    pad();
    tell(round.queue.taken());
    mix_in();
    ++clock_;
  }

  void leave() override {
    // Each of those that would hear from this rank waits for one round of the next period in which it would.
    for (std::uint64_t round = clock_; round < clock_ + topology_.period(); ++round)
      for (const int target : topology_.targets(me(), round))
        setting_.endpoint.send(target,
                               {.kind = Kind::parameters, .channel = Channel::gossip, .tag = round, .clock = round, .detail = kGoodbye});
    // What still comes is let go as it comes, up to each source's goodbye.
    last_mail_ = std::make_shared<LastMail>();
    for (std::uint64_t round = 0; round < topology_.period(); ++round)
      for (const int source : topology_.sources(me(), round))
        if (!gone(source)) last_mail_->from.insert(source);
    if (last_mail_->from.empty()) last_mail_->all_came.set();
    setting_.endpoint.handle(Kind::parameters, [mail = last_mail_](const Frame& frame) {
      if (frame.header.detail == kGoodbye && mail->from.erase(frame.header.source) && mail->from.empty()) mail->all_came.set();
    });
  }

  void finish() override {
    setting_.endpoint.wait(last_mail_->all_came, {.what = "the last values of neighbours", .clock = clock_, .on = [mail = last_mail_] {
                                                   return std::vector<int>(mail->from.begin(), mail->from.end());
                                                 }});
    setting_.endpoint.ignore(Kind::parameters);
    const Payload mine = packed();
    const auto own = mine.as<float>();
    std::copy(own.begin(), own.end(), mixed_.begin());
    const double weight = setting_.data.size() > 0 ? 1 : 0;  // who has learned nothing was left out of all rounds, too
    MeanReducer(setting_.endpoint, setting_.kernel.layout).reduce(mixed_, weight);
    if (audit_.on()) audit_.mean(setting_.endpoint, clock_, checksum(own), weight, mixed_);
    unpack(mixed_, setting_.parameters);
    double apart = 0, length = 0;
    for (std::size_t i = 0; i < own.size(); ++i) {
      const double mean = static_cast<double>(mixed_[i]), off = static_cast<double>(own[i]) - mean;
      apart += off * off, length += mean * mean;
    }
    const double measured[] = {apart, static_cast<double>(messages_), static_cast<double>(clock_)};
    const auto sums = all_sum<double>(setting_.endpoint, measured);
    telemetry_.remark = fmt::format("{} of {} ranks, degree {}; {:.3g} messages a round and rank; consensus distance {:.3g}, {:.2g} % of the mean",
                                    topology_.text(), topology_.ranks(), topology_.degree(), sums[1] / std::max(1., sums[2]),
                                    std::sqrt(sums[0] / topology_.ranks()),
                                    length > 0 ? 100 * std::sqrt(sums[0] / topology_.ranks() / length) : 0);
  }

  ModeTelemetry telemetry() const override {
    ModeTelemetry telemetry = telemetry_;
    if (!telemetry.remark.empty()) telemetry.remark += fmt::format("; spectral gap {:.3g} a {}", mixing_.spectral_gap(), period());
    audit_.report(telemetry);
    return telemetry;
  }

 private:
  int me() const { return setting_.endpoint.rank(); }
  bool gone(int rank) const { return gone_[static_cast<std::size_t>(rank)]; }
  std::string period() const { return topology_.period() == 1 ? "round" : fmt::format("period of {} rounds", topology_.period()); }

  Payload packed() const {
    return Payload::filled(mixed_.size() * sizeof(float), [&](std::span<std::byte> out) {
      pack(setting_.parameters, {reinterpret_cast<float*>(out.data()), mixed_.size()});
    });
  }

  /// What the values of this rank count for there.
  double weight_at(int target) const {
    for (const Share& share : mixing_.shares(target, clock_))
      if (share.rank == me()) return share.weight;
    return 0;
  }

  void tell(std::uint64_t examples) {
    mine_ = packed();
    for (const int target : topology_.targets(me(), clock_)) {
      if (gone(target)) continue;
      Header header{.kind = Kind::parameters, .channel = Channel::gossip, .tag = clock_, .clock = clock_, .examples = examples};
      if (audit_.on()) MixingAudit::sign(header, weight_at(target), mine_.as<float>());
      setting_.endpoint.send(target, header, mine_);
      ++messages_;
    }
  }

  void mix_in() {
    std::vector<Frame> frames;
    for (const int source : topology_.sources(me(), clock_)) {
      if (gone(source)) continue;
      Frame frame = hear_(setting_.endpoint, source, clock_);
      if (frame.header.detail == kGoodbye) {
        gone_[static_cast<std::size_t>(source)] = true;
        continue;
      }
      const std::uint64_t late = clock_ - std::min(clock_, frame.header.clock);
      telemetry_.staleness_clocks.add(late);
      frames.push_back(std::move(frame));
    }
    if (frames.empty()) return;
    std::vector<Part<float>> parts;
    std::size_t next = 0;  // frames and shares are both ascending by rank
    for (const Share& share : without(mixing_.shares(me(), clock_), me(), [&](int rank) { return gone(rank); })) {
      const Payload& values = share.rank == me() ? mine_ : frames[next].payload;
      if (audit_.on() && share.rank == me()) mixing_audit_.own(share.weight, mine_.as<float>());
      if (audit_.on() && share.rank != me()) mixing_audit_.heard(audit_, frames[next], clock_, share.weight);
      next += share.rank != me();
      parts.push_back({share.weight, values.as<float>().data()});
    }
    mix<float>(parts, mixed_);
    if (audit_.on()) mixing_audit_.mixed(audit_, clock_, mixed_);
    unpack(mixed_, setting_.parameters);
  }

  Setting setting_;
  Hear hear_;
  Topology topology_;
  Mixing mixing_;
  std::vector<bool> gone_;    ///< by rank: known to have left
  std::vector<float> mixed_;  ///< packed
  Payload mine_;              ///< what was told in this round
  std::shared_ptr<LastMail> last_mail_;
  std::uint64_t clock_ = 0, messages_ = 0;
  MergeAudit audit_;
  MixingAudit mixing_audit_;  ///< of the round
  ModeTelemetry telemetry_;
};

}  // namespace

Frame hear_same_round(Endpoint& endpoint, int source, std::uint64_t round) {
  return endpoint.receive(source, Kind::parameters, round,
                          {.what = "the parameters of a neighbour", .clock = round, .on = [source] { return std::vector<int>{source}; }});
}

std::unique_ptr<RankDiscipline> make_gossip(const Setting& setting, Hear hear) {
  return std::make_unique<Gossip>(setting, std::move(hear));
}

RankModeEntry gossip_mode() {
  return {.pace = Pace::free,
          .replicas_differ = true,
          .make = [](const Setting& setting) { return make_gossip(setting); }};
}

}  // namespace sounder::mpi
