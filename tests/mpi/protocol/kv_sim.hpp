// A whole key-value store in a simulated network: workers that pull, compute, push and complete clocks, and all that is checked of it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sounder/data/random.hpp>

#include "protocol/checker.hpp"
#include "protocol/kv_client.hpp"
#include "protocol/shard_server.hpp"
#include "transport/sim.hpp"

namespace sounder::test {

/// One schedule. Everything that is not said follows from the seed.
struct KvSchedule {
  std::uint64_t seed = 0;
  int workers = 3, servers = 2, clocks = 6;
  std::uint64_t staleness = 2;
  Visibility visibility = Visibility::at_least;
  bool push_on_advance = false;
  bool varying_staleness = false;  ///< each read draws its own, up to `staleness`
  double slow = 8;                 ///< one worker computes so many times longer
  mpi::UpdaterFactory updater{};

  // What tests break.
  using Server = std::unique_ptr<mpi::ShardServer>;
  std::function<Server(const mpi::ShardMap&, const mpi::ShardServer::Options&, std::shared_ptr<const mpi::Policy>, std::span<const float>)> server{};
  std::shared_ptr<const mpi::Policy> server_policy{}, client_policy{};
  std::function<mpi::Sim::Fault(int to, const mpi::Frame&, Random&)> fault{};
  std::function<void(mpi::Sim&)> begin{};  ///< partitions and losses
  int lost_worker = -1;                    ///< lost when it has completed its second clock
  bool remove_lost = false;                ///< and the servers are told
  /// What is to be judged, if other than what was asked for.
  std::optional<mpi::Promises> judged{};

  /// Drawn from the seed: 2 to 4 workers, 5 to 8 clocks, staleness 0 to 4.
  static KvSchedule drawn(std::uint64_t seed, Visibility visibility, bool push_on_advance);
};

struct KvOutcome {
  mpi::Verdict verdict;                     ///< of the history
  std::uint64_t audit_reads = 0, audit_violations = 0;
  std::uint64_t data_errors = 0;            ///< rows that hold too little, too much, or differ at the end
  std::string first;                        ///< what was wrong, or ""
  int unfinished = 0;                       ///< workers that did not come to their end
  std::size_t parked = 0;                   ///< pulls that still wait at the end
  std::vector<std::uint64_t> parked_on;     ///< all that had to wait, by the slowest worker at that time
  std::uint64_t duplicates = 0, cache_hits = 0, delivered = 0;
  std::uint64_t digest = 0;                 ///< of the run: order and times of all frames
  std::uint64_t reads_digest = 0;           ///< of the values of all bounded reads, worker by worker: of no times
  int slow_worker = 0;

  bool sound() const { return verdict.violations == 0 && audit_violations == 0 && data_errors == 0; }
  bool stuck() const { return unfinished > 0; }
};

namespace kv_sim {

using namespace sounder::mpi;

// Two rows to a block: with two servers, each holds two of the four. Column w of each row counts the pushes of worker w, column 8 + w adds
// up fractions, whose sum depends on their order.
inline constexpr std::uint64_t kRows = 4;
inline constexpr int kWidth = 128;
inline constexpr std::size_t kFloats = kRows * kWidth;

/// Pushes that a worker makes in a clock: one or two.
inline std::uint64_t pushes_of(int worker, std::uint64_t clock) { return 1 + (static_cast<std::uint64_t>(worker) + clock) % 2; }
inline std::uint64_t pushes_before(int worker, std::uint64_t clocks) {
  std::uint64_t pushes = 0;
  for (std::uint64_t clock = 0; clock < clocks; ++clock) pushes += pushes_of(worker, clock);
  return pushes;
}

struct Net;

class Rank final : public SimActor {
 public:
  Rank(Net& net, int rank);
  void on_frame(Frame frame, Outbox& out) override;
  void on_timer(std::uint64_t id, Outbox& out) override;
  void pull_newest(Outbox& out);

  std::unique_ptr<KvClient> client;
  KvSchedule::Server server;
  bool finished = false;
  std::vector<float> out = std::vector<float>(kFloats);
  std::uint64_t reads_digest = 0;

 private:
  void ask(Outbox& out_box);
  void on_read(std::uint64_t clock, std::span<const Run> runs);
  void check(std::uint64_t row, const float* values, std::uint64_t clock);

  Net& net_;
  int rank_;
  Random random_;
  std::uint64_t pushed_ = 0;
};

struct Net {
  const KvSchedule& schedule;
  Sim sim;
  Random random;
  ShardMap map;
  History history;
  std::vector<std::unique_ptr<Rank>> ranks;
  KvOutcome outcome{};

  explicit Net(const KvSchedule& the_schedule)
      : schedule(the_schedule),
        sim({.ranks = the_schedule.workers, .seed = the_schedule.seed}),
        random(the_schedule.seed, 1),
        map({{.rows = kRows, .width = kWidth}}, the_schedule.servers),
        history(the_schedule.workers) {
    outcome.slow_worker = static_cast<int>(random.below(static_cast<std::uint64_t>(schedule.workers)));
  }

  void wrong(const std::string& what) {
    ++outcome.data_errors;
    if (outcome.first.empty()) outcome.first = what;
  }
};

inline Rank::Rank(Net& net, int rank) : net_(net), rank_(rank), random_(net.schedule.seed, 100 + static_cast<std::uint64_t>(rank)) {
  const KvSchedule& schedule = net.schedule;
  const auto policy = std::make_shared<const Policy>(schedule.staleness == kUnbounded ? Policy::async()
                                                                                      : Policy::ssp(schedule.staleness, schedule.visibility));
  const std::vector<float> initial(kFloats);
  client = std::make_unique<KvClient>(net.map,
                                      KvClient::Options{.self = rank,
                                                        .workers = schedule.workers,
                                                        .staleness = schedule.staleness,
                                                        .overlay_own = true,
                                                        .audit = true,
                                                        .history = &net.history},
                                      schedule.client_policy ? schedule.client_policy : policy);
  if (rank < schedule.servers) {
    const ShardServer::Options options{rank, schedule.workers, schedule.push_on_advance, schedule.updater};
    const auto server_policy = schedule.server_policy ? schedule.server_policy : policy;
    server = schedule.server ? schedule.server(net.map, options, server_policy, initial)
                             : std::make_unique<ShardServer>(net.map, options, server_policy, initial);
  }
}

inline void Rank::on_frame(Frame frame, Outbox& out_box) {
  const Kind kind = frame.header.kind;
  if (kind == Kind::values || kind == Kind::advanced)
    client->on_frame(frame, out_box);
  else
    server->on_frame(std::move(frame), out_box);
}

inline void Rank::ask(Outbox& out_box) {
  const KvSchedule& schedule = net_.schedule;
  if (schedule.varying_staleness) client->set_staleness(random_.below(schedule.staleness + 1));
  // All rows, or some that may lie with one server.
  std::vector<Run> runs{{0, kRows, 0}};
  if (random_.below(4) == 0) runs = {{0, 1, random_.below(kRows)}};
  const std::uint64_t clock = client->clock_number();
  client->pull(runs, std::span(out).first(runs[0].count * kWidth), [this, clock, runs] { on_read(clock, runs); }, out_box);
}

inline void Rank::on_read(std::uint64_t clock, std::span<const Run> runs) {
  for (std::uint64_t i = 0; i < runs[0].count; ++i) check(runs[0].first + i, out.data() + i * kWidth, clock);
  for (std::size_t i = 0; i < runs[0].count * kWidth; ++i) reads_digest = (std::rotl(reads_digest, 5) ^ std::bit_cast<std::uint32_t>(out[i])) * 0x9E3779B97F4A7C15;
  const double pace = rank_ == net_.outcome.slow_worker ? net_.schedule.slow : 1;
  net_.sim.timer(rank_, pace * 2 * random_.uniform(), 0);
}

/// The pushes that a row holds, worker by worker, against what is due.
inline void Rank::check(std::uint64_t row, const float* values, std::uint64_t clock) {
  const KvSchedule& schedule = net_.schedule;
  if (values[rank_] != static_cast<float>(pushed_))
    net_.wrong("worker " + std::to_string(rank_) + " sees " + std::to_string(values[rank_]) + " of its own " + std::to_string(pushed_) + " pushes in row " + std::to_string(row));
  const std::uint64_t staleness = schedule.judged ? schedule.judged->staleness : schedule.staleness;
  if (staleness == kUnbounded || client->clock_number() != clock) return;
  const std::uint64_t due = clocks_due(clock, staleness);
  for (int worker = 0; worker < schedule.workers; ++worker) {
    if (worker == rank_ || worker == schedule.lost_worker) continue;
    const auto least = static_cast<float>(pushes_before(worker, due));
    const bool exact = schedule.visibility == Visibility::exact && !schedule.varying_staleness;
    if (values[worker] < least || (exact && values[worker] > least))
      net_.wrong("in clock " + std::to_string(clock) + " worker " + std::to_string(rank_) + " sees " + std::to_string(values[worker]) +
                   " pushes of worker " + std::to_string(worker) + " in row " + std::to_string(row) + ", due are " + std::to_string(least));
  }
}

inline void Rank::on_timer(std::uint64_t id, Outbox& out_box) {
  const KvSchedule& schedule = net_.schedule;
  if (id == 1) {
    if (schedule.push_on_advance) client->subscribe(std::vector<Run>{{0, kRows, 0}}, out_box);
    return ask(out_box);
  }
  const std::uint64_t clock = client->clock_number();
  const bool flagged = random_.below(2) == 0;
  const std::uint64_t pushes = pushes_of(rank_, clock);
  for (std::uint64_t i = 0; i < pushes; ++i) {
    std::vector<float> values(kFloats);
    for (std::uint64_t row = 0; row < kRows; ++row) {
      values[row * kWidth + static_cast<std::size_t>(rank_)] = 1;
      values[row * kWidth + 8] = 1 / static_cast<float>(3 + static_cast<std::uint64_t>(rank_) + 7 * clock + i);  // its sum depends on the order
    }
    ++pushed_;
    client->push(client->prepare(std::vector<Run>{{0, kRows, 0}}, values), {.rate = 0.5f, .completes_clock = flagged && i + 1 == pushes}, out_box);
  }
  if (!flagged) client->clock(out_box);
  if (rank_ == schedule.lost_worker && client->clock_number() == 2) {
    net_.sim.lose(rank_);
    if (schedule.remove_lost) net_.history.add({.what = Event::What::leave, .worker = rank_, .clock = client->clock_number()});
    if (schedule.remove_lost)
      for (int rank = 0; rank < schedule.servers; ++rank)
        if (rank != rank_) net_.ranks[static_cast<std::size_t>(rank)]->server->remove(rank_, net_.sim.outbox(rank));
    return;
  }
  if (client->clock_number() < static_cast<std::uint64_t>(schedule.clocks)) return ask(out_box);
  client->leave(out_box);
  client->flush([this] { finished = true; }, out_box);
}

inline void Rank::pull_newest(Outbox& out_box) {
  client->pull(std::vector<Run>{{0, kRows, 0}}, out, [] {}, out_box);
}

}  // namespace kv_sim

inline KvSchedule KvSchedule::drawn(std::uint64_t seed, Visibility visibility, bool push_on_advance) {
  Random random(seed, 2);
  KvSchedule schedule{.seed = seed, .visibility = visibility, .push_on_advance = push_on_advance};
  schedule.workers = 2 + static_cast<int>(random.below(3));
  schedule.servers = 1 + static_cast<int>(random.below(2));
  schedule.clocks = 5 + static_cast<int>(random.below(4));
  schedule.staleness = random.below(5);
  schedule.varying_staleness = random.below(4) == 0;
  schedule.slow = random.below(2) == 0 ? 1 : 8;
  return schedule;
}

inline KvOutcome run(const KvSchedule& schedule) {
  using namespace kv_sim;
  Net net(schedule);
  if (schedule.fault)
    net.sim.inject([&](int to, const Frame& frame) { return schedule.fault(to, frame, net.random); });
  for (int rank = 0; rank < schedule.workers; ++rank) {
    net.ranks.push_back(std::make_unique<Rank>(net, rank));
    net.sim.attach(rank, *net.ranks.back());
    net.sim.timer(rank, net.random.uniform(), 1);
  }
  if (schedule.begin) schedule.begin(net.sim);
  net.sim.run();

  KvOutcome& outcome = net.outcome;
  for (int rank = 0; rank < schedule.workers; ++rank)
    if (rank != schedule.lost_worker) outcome.unfinished += !net.ranks[static_cast<std::size_t>(rank)]->finished;
  // All is quiet: everybody must see everything, once, and the same bits.
  if (outcome.unfinished == 0) {
    for (int rank = 0; rank < schedule.workers; ++rank)
      if (rank != schedule.lost_worker) net.ranks[static_cast<std::size_t>(rank)]->pull_newest(net.sim.outbox(rank));
    net.sim.run();
    const Rank* some = nullptr;
    for (int rank = 0; rank < schedule.workers; ++rank) {
      if (rank == schedule.lost_worker) continue;
      const Rank& mine = *net.ranks[static_cast<std::size_t>(rank)];
      if (!some) some = &mine;
      if (std::memcmp(mine.out.data(), some->out.data(), kFloats * sizeof(float)) != 0) net.wrong("at the end two workers see different rows");
      for (int worker = 0; worker < schedule.workers; ++worker)
        for (std::uint64_t row = 0; row < kRows; ++row)
          if (const auto all = static_cast<float>(pushes_before(worker, static_cast<std::uint64_t>(schedule.clocks)));
              worker != schedule.lost_worker && mine.out[row * kWidth + static_cast<std::size_t>(worker)] != all)
            net.wrong("at the end row " + std::to_string(row) + " holds " + std::to_string(mine.out[row * kWidth + static_cast<std::size_t>(worker)]) +
                        " pushes of worker " + std::to_string(worker) + " instead of " + std::to_string(all));
    }
  }

  outcome.verdict = check(net.history, schedule.judged.value_or(Promises{schedule.staleness, schedule.visibility}));
  if (outcome.first.empty()) outcome.first = outcome.verdict.first;
  outcome.parked_on.resize(static_cast<std::size_t>(schedule.workers));
  for (const auto& rank : net.ranks) {
    const Auditor& auditor = rank->client->auditor();
    outcome.audit_reads += auditor.reads();
    outcome.audit_violations += auditor.violations();
    if (outcome.first.empty()) outcome.first = auditor.first();
    outcome.cache_hits += rank->client->cache_hits();
    outcome.reads_digest = outcome.reads_digest * 31 + rank->reads_digest;
    if (!rank->server) continue;
    outcome.parked += rank->server->parked();
    outcome.duplicates += rank->server->duplicates();
    for (std::size_t worker = 0; worker < outcome.parked_on.size(); ++worker) outcome.parked_on[worker] += rank->server->parked_on()[worker];
  }
  outcome.delivered = net.sim.delivered();
  outcome.digest = net.sim.digest();
  return outcome;
}

}  // namespace sounder::test
