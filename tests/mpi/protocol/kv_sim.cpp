#include "protocol/kv_sim.hpp"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "protocol/kv_sim_rank.hpp"

namespace sounder::test {

KvSchedule KvSchedule::drawn(std::uint64_t seed, Visibility visibility, bool push_on_advance) {
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

namespace {

using namespace kv_sim;

/// All is quiet: everybody must see everything, once, and the same bits.
void check_end(Net& net) {
  std::vector<Rank*> ranks;
  for (int rank = 0; rank < net.schedule.workers; ++rank)
    if (rank != net.schedule.lost_worker) ranks.push_back(net.ranks[static_cast<std::size_t>(rank)].get());
  for (const Rank* rank : ranks) net.outcome.unfinished += !rank->finished;
  if (net.outcome.stuck()) return;
  for (Rank* rank : ranks) rank->pull_newest();
  net.sim.run();
  for (const Rank* rank : ranks) {
    if (std::memcmp(rank->out.data(), ranks[0]->out.data(), kFloats * sizeof(float)) != 0) net.wrong("at the end two workers see different rows");
    for (int worker = 0; worker < net.schedule.workers; ++worker)
      for (std::uint64_t row = 0; row < kRows; ++row)
        if (const auto all = static_cast<float>(pushes_before(worker, static_cast<std::uint64_t>(net.schedule.clocks)));
            worker != net.schedule.lost_worker && rank->out[row * kWidth + static_cast<std::size_t>(worker)] != all)
          net.wrong("at the end row " + std::to_string(row) + " holds " + std::to_string(rank->out[row * kWidth + static_cast<std::size_t>(worker)]) +
                    " pushes of worker " + std::to_string(worker) + " instead of " + std::to_string(all));
  }
}

/// What the checker, the audits and the servers say of the run.
void judge(Net& net) {
  KvOutcome& outcome = net.outcome;
  const KvSchedule& schedule = net.schedule;
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
}

}  // namespace

KvOutcome run(const KvSchedule& schedule) {
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

  check_end(net);
  judge(net);
  return net.outcome;
}

}  // namespace sounder::test
