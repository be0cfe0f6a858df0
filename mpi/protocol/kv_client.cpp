#include "protocol/kv_client.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include "protocol/message.hpp"
#include "protocol/row_cache.hpp"

namespace sounder::mpi {

KvClient::KvClient(const ShardMap& map, const Options& options, std::shared_ptr<const Policy> policy)
    : map_(map),
      options_(options),
      policy_(std::move(policy)),
      servers_(links_to_servers(map, options.first_server)),
      pulls_(map, servers_, options, policy_),
      left_(options.self >= options.workers),  // who only serves reads what is there
      staleness_(options.staleness) {}

KvClient::Prepared KvClient::prepare(std::span<const Run> runs, std::span<const float> values, std::shared_ptr<const void> keeper) const {
  return prepare_push(map_, servers_, options_.audit ? kCanary : 0, runs, values, std::move(keeper));
}

bool KvClient::may_borrow(std::span<const Run> runs) const {
  return servers_.size() == 1 && !options_.audit && !options_.overlay_own && !policy_->exact() &&
         std::equal(runs.begin(), runs.end(), servers_[0].everything.begin(), servers_[0].everything.end());
}

void KvClient::push(Prepared push, const PushInfo& info, Outbox& out) {
  std::vector<bool> told(servers_.size());
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    if (push.parts[server].runs.empty()) continue;
    told[server] = true;
    send_push(servers_[server], std::move(push.parts[server]), info, out);
  }
  if (info.completes_clock) complete(told, out);
}

void KvClient::send_push(KvLink& server, Prepared::Part part, const PushInfo& info, Outbox& out) {
  if (part.flags & kCanary) {
    *part.canary = CanaryUpdate::of(clock_);
    if (server.canary_clocks > clock_) part.canary->add = 0;
    server.canary_clocks = clock_ + 1;
  }
  if (info.completes_clock) part.flags |= kCompletes;
  const std::uint64_t sequence = ++server.sequence;
  record({.what = Event::What::push, .worker = options_.self, .server = server.rank - options_.first_server, .clock = clock_, .sequence = sequence});
  out.send(server.rank,
           {.kind = Kind::push,
            .channel = Channel::bulk,
            .tag = std::bit_cast<std::uint32_t>(info.rate),
            .clock = clock_,
            .sequence = sequence,
            .examples = info.examples,
            .detail = detail_of(part.flags, part.flags & kWhole ? 0 : part.runs.size()),
            .more = server.version},
           part.payload);
  if (options_.overlay_own && !part.runs.empty()) {
    const std::size_t floats = map_.floats(part.runs, &KvTable::push_width);
    const std::span<const float> all = part.payload.as<float>();
    server.own.add(sequence, std::move(part.runs), all.last(floats), std::move(part.payload));
  }
}

void KvClient::clock(Outbox& out) { complete(std::vector<bool>(servers_.size()), out); }

void KvClient::complete(const std::vector<bool>& told, Outbox& out) {
  record({.what = Event::What::complete, .worker = options_.self, .clock = clock_});
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (told[i]) continue;
    KvLink& server = servers_[i];
    if (options_.audit && server.canary_clocks <= clock_)  // each clock is to be seen in the data of each shard
      send_push(server, Prepared::canary_alone(), {.completes_clock = true}, out);
    else
      out.send(server.rank, {.kind = Kind::clock, .clock = clock_ + 1, .sequence = server.sequence});
  }
  ++clock_;
}

void KvClient::leave(Outbox& out) {
  if (std::exchange(left_, true)) return;
  record({.what = Event::What::leave, .worker = options_.self, .clock = clock_});
  for (const KvLink& server : servers_) out.send(server.rank, {.kind = Kind::clock, .clock = kLeft, .sequence = server.sequence});
}

void KvClient::pull(std::span<const Run> runs, std::span<float> values, Done done, Outbox& out) {
  std::uint64_t staleness = staleness_;
  if (policy_->exact() && !left_) {
    // A larger staleness than before must not take a reader back behind what it has seen.
    staleness = std::min(staleness, clock_ - exact_from_);
    exact_from_ = clocks_due(clock_, staleness);
  }
  pulls_.begin({.flags = left_ ? kNewest : 0, .clock = clock_, .staleness = staleness, .out = values, .done = std::move(done)}, runs, out);
}

void KvClient::pull_snapshot(std::uint64_t id, std::span<float> values, Done done, Outbox& out) {
  pulls_.begin({.flags = kSnapshot, .clock = clock_, .staleness = id, .out = values, .done = std::move(done)}, map_.everything(), out);
}

void KvClient::flush(Done done, Outbox& out) {
  const bool leaves = left_ && options_.self < options_.workers;
  pulls_.begin({.flags = kFlush, .clock = leaves ? kLeft : clock_, .done = std::move(done)}, {}, out);
}

void KvClient::subscribe(std::span<const Run> runs, Outbox& out) {
  std::vector<std::vector<Run>> local(servers_.size());
  map_.cut(runs, [&](int server, const Run& piece) { append_run(local[static_cast<std::size_t>(server)], piece); });
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    KvLink& server = servers_[i];
    if (local[i].empty()) continue;
    server.cache = std::make_unique<RowCache>(map_, static_cast<int>(i));
    server.cache->subscribe(local[i]);
    const Flag flags = kSubscribe | (options_.audit ? kCanary : 0);
    const Header header{.kind = Kind::pull, .channel = Channel::bulk, .detail = detail_of(flags, local[i].size())};
    out.send(server.rank, header, Payload::of(std::move(local[i])));
  }
}

}  // namespace sounder::mpi
