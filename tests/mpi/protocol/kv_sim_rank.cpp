#include "protocol/kv_sim_rank.hpp"

#include <bit>
#include <utility>

namespace sounder::test::kv_sim {

Rank::Rank(Net& net, int rank) : net_(net), rank_(rank), random_(net.schedule.seed, 100 + static_cast<std::uint64_t>(rank)) {
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

void Rank::on_frame(Frame frame, Outbox& out_box) {
  const Kind kind = frame.header.kind;
  if (kind == Kind::values || kind == Kind::advanced)
    client->on_frame(frame, out_box);
  else
    server->on_frame(std::move(frame), out_box);
}

void Rank::ask(Outbox& out_box) {
  const KvSchedule& schedule = net_.schedule;
  if (schedule.varying_staleness) client->set_staleness(random_.below(schedule.staleness + 1));
  // All rows, or some that may lie with one server.
  std::vector<Run> runs{{0, kRows, 0}};
  if (random_.below(4) == 0) runs = {{0, 1, random_.below(kRows)}};
  const std::uint64_t clock = client->clock_number();
  client->pull(runs, std::span(out).first(runs[0].count * kWidth), [this, clock, runs] { on_read(clock, runs); }, out_box);
}

void Rank::on_read(std::uint64_t clock, std::span<const Run> runs) {
  for (std::uint64_t i = 0; i < runs[0].count; ++i) check(runs[0].first + i, out.data() + i * kWidth, clock);
  for (std::size_t i = 0; i < runs[0].count * kWidth; ++i) reads_digest = (std::rotl(reads_digest, 5) ^ std::bit_cast<std::uint32_t>(out[i])) * 0x9E3779B97F4A7C15;
  const double pace = rank_ == net_.outcome.slow_worker ? net_.schedule.slow : 1;
  net_.sim.timer(rank_, pace * 2 * random_.uniform(), 0);
}

/// The pushes that a row holds, worker by worker, against what is due.
void Rank::check(std::uint64_t row, const float* values, std::uint64_t clock) {
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

void Rank::on_timer(std::uint64_t id, Outbox& out_box) {
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

void Rank::pull_newest() {
  client->pull(std::vector<Run>{{0, kRows, 0}}, out, [] {}, net_.sim.outbox(rank_));
}

}  // namespace sounder::test::kv_sim
