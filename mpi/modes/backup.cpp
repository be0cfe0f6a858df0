// Mode `backup`.
// Guarantee: a step is the rule's on the sum of the gradients of exactly n - b of the n ranks, b being --backup, all of them at the
//   parameters of that very step: the first that come to rank 0. Later ones are never applied, but counted. All ranks do the same steps
//   in the same order and hold the same bits after each. b = 0: bsp, to rounding.
// Staleness: 0 clocks. A rank that was too late goes on at the newest step, and leaves out those between.
// Cost per round: each rank's touched rows to the ranks that own them, and the sums of the own rows to all: 2 (P - 1) messages a
//   rank, and one to each from rank 0, which decides. Above 16 ranks fewer own rows (owners.hpp).
// Blocks when: fewer than n - b gradients of the step have come.
// Fails how: to the pace of the (b + 1)-slowest rank. A rank that is always too late trains in vain: its examples are not learned from, and an
//   epoch is as many applied examples as there are, the others' more than once. --evict-after K takes out who missed K steps in a row, at
//   most b ranks: these follow and compute no more, and as many fewer may be late from then on. A rank that dies ends the run at
//   --deadline, as its rows are owned by nobody else.
// Source: Chen, Monga, Bengio, Jozefowicz, "Revisiting distributed synchronous SGD", 2016 (arXiv 1604.00981).
#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "collectives.hpp"
#include "evaluate.hpp"
#include "gradients/collector.hpp"
#include "gradients/gradient_rows.hpp"
#include "merge_audit.hpp"
#include "modes/bsp.hpp"
#include "owners.hpp"
#include "protocol/backup.hpp"

namespace sounder::mpi {
namespace {

/// Ranks that have examples.
std::vector<int> members_of(const Setting& setting) {
  const std::uint64_t mine[] = {setting.shard_begins.empty() ? 0 : setting.shard_begins.back() - setting.shard_begins.front()};
  const std::vector<Payload> all = all_gather(setting.endpoint, Payload::of(std::vector(std::begin(mine), std::end(mine))));
  std::vector<int> members;
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank].as<std::uint64_t>()[0] > 0) members.push_back(static_cast<int>(rank));
  return members;
}

class Backup final : public RankDiscipline {
 public:
  explicit Backup(const Setting& setting)
      : setting_(setting),
        numbers_(setting.kernel.layout),
        members_(members_of(setting)),
        needed_(std::max(1, members() - setting.mpi.backup.value_or(members() / 4))),
        scales_(setting_, numbers_, {}, members_.empty() ? 1 : static_cast<double>(needed_) / members()),
        collector_(setting_, numbers_),
        follows_(me() == 0 || std::ranges::binary_search(members_, me())),
        owners_(owners_of(numbers_.floats(), setting.endpoint.size())),
        owns_(slices()),
        server_({.rank = setting.endpoint.rank(),
                 .ranks = setting.endpoint.size(),
                 .owners = owners_,
                 .members = members_,
                 .needed = needed_,
                 .evict_after = setting.mpi.evict_after},
                [this](std::span<const Payload> gradients) { return sum_of(gradients); }) {
    for (const Kind kind : {Kind::push, Kind::advanced})
      setting_.endpoint.handle(kind, [this](const Frame& frame) {
        server_.receive(frame, setting_.endpoint);
        if (server_.all_left() && !all_left_.is_set()) all_left_.set();
      });
    if (!follows_) setting_.endpoint.handle(Kind::values, [](const Frame&) {});  // they would wait here until the end of the run
  }

  ~Backup() override {
    for (const Kind kind : {Kind::push, Kind::advanced, Kind::values}) setting_.endpoint.ignore(kind);
  }

  void run(const RankRound& round, const std::function<void()>& pad) override {
    while (step_ < server_.closed()) take_step();
    const std::uint64_t step = step_;
    if (evicted_.contains(me())) {
      for (const Range& range : round.queue.take_all()) round.queue.skip(range.size());
      take_step();
      return;
    }
    const RowSums own = collector_(round);
    pad();
    if (server_.closed() == step) tell(own.view(), round.round.rate);  // else it is too late already
    while (step_ <= step) take_step(step);
    const bool counted = std::ranges::binary_search(counted_, me());
    while (step_ < server_.closed()) take_step();
    if (counted) return telemetry_.staleness_clocks.add(0);
    round.queue.skip(round.queue.taken());
    if (Gatherer* const gatherer = setting_.backend.gatherer()) gatherer->discard();
    ++*telemetry_.dropped;
  }

  /// A step whose sum all ranks will see; rank 0 keeps the parameters before the next one.
  void mark_point(int point) override {
    if (me() != 0) return;
    const std::lock_guard lock(mutex_);
    marks_.emplace(server_.closed(), point);
  }

  void pull_point(int point, std::span<float> out) override {
    if (me() == 0) mine_ = Payload::of(points_.at(point));
    const Payload all = broadcast(setting_.endpoint, 0, mine_);
    std::ranges::copy(all.as<float>(), out.begin());
  }

  void leave() override {
    for (int rank = 0; rank < owners_; ++rank)
      setting_.endpoint.send(rank, {.kind = Kind::push, .channel = Channel::bulk, .clock = step_, .detail = BackupServer::kGoodbye});
  }

  void finish() override {
    if (me() < owners_) setting_.endpoint.wait(all_left_, {.what = "the last gradients", .clock = step_, .on = {}});
    std::uint64_t steps = 0;
    if (me() == 0) setting_.endpoint.run([&] { steps = server_.decided(); });
    steps = broadcast(setting_.endpoint, 0, Payload::of(std::vector{steps})).as<std::uint64_t>()[0];
    while (follows_ && step_ < steps) take_step();
    keep_points();
    barrier(setting_.endpoint);  // all own rows of all ranks are out
    end_alike();
    const std::uint64_t mine[] = {*telemetry_.dropped, telemetry_.staleness_clocks.count()};
    const auto sums = all_sum<std::uint64_t>(setting_.endpoint, mine);
    telemetry_.remark = fmt::format("the first {} of {} gradients of each of {} steps; {} of {} dropped; {}", needed_, members_.size(), applied_, sums[0],
                                    sums[0] + sums[1], scales_.remark());
    if (!evicted_.empty()) {
      std::vector<std::string> names;
      for (const auto& [rank, step] : evicted_) names.push_back(fmt::format("rank {} at step {}", rank, step));
      telemetry_.remark += fmt::format("; taken out: {}", fmt::join(names, ", "));
    }
  }

  ModeTelemetry telemetry() const override {
    ModeTelemetry telemetry = telemetry_;
    audit_.report(telemetry);
    return telemetry;
  }

 private:
  int me() const { return setting_.endpoint.rank(); }
  int members() const { return static_cast<int>(members_.size()); }

  /// Where the rows of each owner begin, and the end: about as many floats are expected to travel to each.
  std::vector<std::uint32_t> slices() const {
    std::vector<double> until{0};
    for (std::size_t table = 0; table < numbers_.tables(); ++table)
      for (const double share : scales_.shares()[table])
        until.push_back(until.back() + static_cast<double>(numbers_.width(table) + 1) * std::min(1., share * scales_.examples()));
    std::vector<std::uint32_t> begins;
    for (int owner = 0; owner < owners_; ++owner)
      begins.push_back(static_cast<std::uint32_t>(std::ranges::lower_bound(until, until.back() * owner / owners_) - until.begin()));
    begins.push_back(numbers_.rows());
    return begins;
  }

  void tell(const RowView& gradient, float rate) {
    for (int rank = 0; rank < owners_; ++rank) {
      const auto owner = static_cast<std::size_t>(rank);
      const RowView rows = part(gradient, owns_[owner], owns_[owner + 1], numbers_);
      setting_.endpoint.send(rank, {.kind = Kind::push, .channel = Channel::bulk, .clock = step_, .more = std::bit_cast<std::uint32_t>(rate)},
                             Payload::filled(encoded_size(rows), [&](std::span<std::byte> to) { encode(rows, to); }));
    }
  }

  /// All ranks do the same steps, which the audit checks; where some do not follow, they get what rank 0 has. Collective.
  void end_alike() {
    const bool all_follow = members() == setting_.endpoint.size();
    if (all_follow && !audit_.on()) return;
    std::vector<float> packed(packed_size(setting_.kernel.layout));
    pack(setting_.parameters, packed);
    if (all_follow) return audit_.alike(setting_.endpoint, step_, packed);
    copy_from(setting_.endpoint, 0, packed);
    unpack(packed, setting_.parameters);
  }

  /// On the communication thread.
  std::vector<std::byte> sum_of(std::span<const Payload> gradients) const {
    RowSums sum;
    for (const Payload& gradient : gradients) {
      std::span<const std::byte> bytes = gradient.bytes();
      const RowView rows = decode(bytes, numbers_);
      if (rows.count > 0) sum = add(sum.view(), rows, numbers_);
    }
    std::vector<std::byte> encoded(encoded_size(sum.view()));
    encode(sum.view(), encoded);
    return encoded;
  }

  /// The next step, as all ranks do it. `own`: the step that this rank waits for.
  void take_step(std::optional<std::uint64_t> own = {}) {
    std::vector<int> owners(static_cast<std::size_t>(owners_));
    std::iota(owners.begin(), owners.end(), 0);
    const std::vector<Frame> frames = setting_.endpoint.receive_all(
        owners, Kind::values, step_,
        {.what = "the gradients of the round", .clock = own.value_or(step_), .on = [this, &owners, step = step_] {
           return server_.closed() > step ? owners : server_.missing(step);
         }});
    keep_points();
    const BackupServer::Verdict verdict = BackupServer::verdict_of(frames[0].payload);
    counted_.assign(verdict.counted.begin(), verdict.counted.end());
    for (const int rank : verdict.evicted) evicted_.emplace(rank, step_);
    ++step_;
    if (counted_.empty()) return;
    ++applied_;
    const StepContext context{.cells = setting_.parameters.cells(),
                              .rate = std::bit_cast<float>(static_cast<std::uint32_t>(frames[0].header.more)),
                              .l1 = static_cast<float>(setting_.kernel.l1 * scales_.examples() * static_cast<double>(applied_))};
    for (const Frame& frame : frames) {
      if (setting_.mpi.audit) ++telemetry_.reads, telemetry_.violations += frame.header.detail != 0;
      std::span<const std::byte> bytes = frame.payload.bytes().subspan(verdict.bytes());
      step_on(decode(bytes, numbers_), numbers_, setting_.kernel, context, scales_(), setting_.backend.team());
    }
  }

  void keep_points() {
    const std::lock_guard lock(mutex_);
    for (auto mark = marks_.begin(); mark != marks_.end() && mark->first <= step_; mark = marks_.erase(mark)) {
      std::vector<float>& packed = points_[mark->second];
      packed.resize(packed_size(setting_.kernel.layout));
      pack(setting_.parameters, packed);
    }
  }

  const Setting setting_;
  const RowNumbers numbers_;
  const std::vector<int> members_;
  const int needed_;
  const BspScales scales_;
  Collector collector_;
  const bool follows_;                     ///< does all steps: who has examples, and rank 0, which keeps the points
  const int owners_;                       ///< the first ranks
  const std::vector<std::uint32_t> owns_;  ///< by owner, and the end
  BackupServer server_;                    ///< belongs to the communication thread, but for closed()
  Signal all_left_;
  std::uint64_t step_ = 0, applied_ = 0;  ///< the next; those that were not empty
  std::vector<int> counted_;              ///< of the last step
  std::map<int, std::uint64_t> evicted_;  ///< and at which step
  MergeAudit audit_{setting_.mpi.audit};
  std::mutex mutex_;
  std::multimap<std::uint64_t, int> marks_;  // guarded by mutex_: points to be kept before that step
  std::map<int, std::vector<float>> points_;
  Payload mine_;
  ModeTelemetry telemetry_{.staleness_clocks = {}, .staleness_updates = {}, .dropped = 0, .remark = {}};
};

}  // namespace

RankModeEntry backup_mode() {
  return {.pace = Pace::free,
          .serves = true,
          .make = [](const Setting& setting) -> std::unique_ptr<RankDiscipline> { return std::make_unique<Backup>(setting); }};
}

}  // namespace sounder::mpi
