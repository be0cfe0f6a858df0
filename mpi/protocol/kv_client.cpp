#include "protocol/kv_client.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <sounder/error.hpp>

namespace sounder::mpi {

KvClient::KvClient(const ShardMap& map, const Options& options, std::shared_ptr<const Policy> policy)
    : map_(map),
      options_(options),
      policy_(std::move(policy)),
      left_(options.self >= options.workers),  // who only serves reads what is there
      staleness_(options.staleness),
      auditor_(options.self, options.workers, map.servers(), policy_->exact() ? Visibility::exact : Visibility::at_least) {
  servers_.resize(static_cast<std::size_t>(map.servers()));
  for (int server = 0; server < map.servers(); ++server) {
    servers_[static_cast<std::size_t>(server)].rank = options.first_server + server;
    servers_[static_cast<std::size_t>(server)].everything = map.everything(server);
  }
}

KvClient::Prepared KvClient::prepare(std::span<const Run> runs, std::span<const float> values, std::shared_ptr<const void> keeper) const {
  Prepared prepared;
  prepared.parts.resize(servers_.size());
  map_.cut(runs, [&](int server, const Run& piece) { append_run(prepared.parts[static_cast<std::size_t>(server)].runs, piece); });

  std::vector<float*> to(servers_.size());
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Prepared::Part& part = prepared.parts[server];
    if (part.runs.empty()) continue;
    if (part.runs == servers_[server].everything) part.flags |= kWhole;
    if (options_.audit) part.flags |= kCanary;
    if (keeper && servers_.size() == 1 && part.flags == kWhole) {
      part.payload = Payload(std::as_bytes(values), std::move(keeper));
      return prepared;
    }
    const std::size_t runs_here = part.flags & kWhole ? 0 : part.runs.size();
    const std::size_t floats = map_.floats(part.runs, &KvTable::push_width);
    part.payload = Payload::filled(
        runs_here * sizeof(Run) + (options_.audit ? sizeof(CanaryUpdate) : 0) + floats * sizeof(float), [&](std::span<std::byte> bytes) {
          Writer writer(bytes);
          writer.put<Run>(std::span(part.runs).first(runs_here));
          if (options_.audit) part.canary = writer.give<CanaryUpdate>(1).data();
          to[server] = writer.give<float>(floats).data();
        });
  }
  const float* from = values.data();
  map_.cut(runs, [&](int server, const Run& piece) {
    const std::size_t floats = map_.floats({&piece, 1}, &KvTable::push_width);
    float*& here = to[static_cast<std::size_t>(server)];
    here = std::copy_n(from, floats, here);
    from += floats;
  });
  return prepared;
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

void KvClient::send_push(Server& server, Prepared::Part part, const PushInfo& info, Outbox& out) {
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
    Server& server = servers_[i];
    if (options_.audit && server.canary_clocks <= clock_) {  // each clock is to be seen in the data of each shard
      Prepared::Part part{.flags = kCanary};
      part.payload = Payload::filled(sizeof(CanaryUpdate), [&](std::span<std::byte> bytes) {
        part.canary = Writer(bytes).give<CanaryUpdate>(1).data();
      });
      send_push(server, std::move(part), {.completes_clock = true}, out);
    } else {
      out.send(server.rank, {.kind = Kind::clock, .clock = clock_ + 1, .sequence = server.sequence});
    }
  }
  ++clock_;
}

void KvClient::leave(Outbox& out) {
  if (std::exchange(left_, true)) return;
  record({.what = Event::What::leave, .worker = options_.self, .clock = clock_});
  for (const Server& server : servers_) out.send(server.rank, {.kind = Kind::clock, .clock = kLeft, .sequence = server.sequence});
}

void KvClient::pull(std::span<const Run> runs, std::span<float> values, Done done, Outbox& out) {
  std::uint64_t staleness = staleness_;
  if (policy_->exact() && !left_) {
    // A larger staleness than before must not take a reader back behind what it has seen.
    staleness = std::min(staleness, clock_ - exact_from_);
    exact_from_ = clocks_due(clock_, staleness);
  }
  begin({.flags = left_ ? kNewest : 0, .clock = clock_, .staleness = staleness, .out = values, .done = std::move(done)}, runs, out);
}

void KvClient::pull_snapshot(std::uint64_t id, std::span<float> values, Done done, Outbox& out) {
  begin({.flags = kSnapshot, .clock = clock_, .staleness = id, .out = values, .done = std::move(done)}, map_.everything(), out);
}

void KvClient::flush(Done done, Outbox& out) { begin({.flags = kFlush, .clock = clock_, .done = std::move(done)}, {}, out); }

void KvClient::begin(Pull pull, std::span<const Run> runs, Outbox& out) {
  const bool flush = pull.flags & kFlush, reads = !(pull.flags & (kFlush | kSnapshot));
  pull.id = next_id_++;
  pull.asks.resize(servers_.size());
  std::size_t at = 0;
  map_.cut(runs, [&](int server, const Run& piece) {
    Ask& ask = pull.asks[static_cast<std::size_t>(server)];
    append_run(ask.runs, piece);
    ask.pieces.push_back({piece, at});
    at += map_.floats({&piece, 1}, &KvTable::width);
  });
  if (reads)
    record({.what = Event::What::ask, .worker = options_.self, .clock = pull.clock, .staleness = pull.staleness, .request = pull.id,
            .newest = left_});
  const std::uint64_t id = pull.id;
  Pull& open = pulls_[id] = std::move(pull);
  bool sent = false;
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Ask& ask = open.asks[server];
    if (ask.runs.empty() && !flush) continue;
    ask.open = true;
    ask.own_clocks = servers_[server].canary_clocks;
    ++open.open;
    ask.by_cache = reads && !left_ && servers_[server].cache && servers_[server].cache->covers(ask.runs);
    if (ask.by_cache) {
      serve_from_cache(open, server);
    } else {
      send_ask(open, server, out);
      sent = true;
    }
  }
  if (!sent && open.open == 0 && reads && !runs.empty()) ++cache_hits_;
  finish_if_done(id);
}

void KvClient::send_ask(const Pull& pull, std::size_t server, Outbox& out) {
  const Ask& ask = pull.asks[server];
  const bool whole = !ask.runs.empty() && ask.runs == servers_[server].everything;
  const bool audited = options_.audit && !(pull.flags & (kFlush | kSnapshot));
  out.send(servers_[server].rank,
           {.kind = Kind::pull,
            .channel = Channel::bulk,
            .tag = pull.id,
            .clock = pull.flags & kFlush && left_ && options_.self < options_.workers ? kLeft : pull.clock,
            .sequence = servers_[server].sequence,
            .examples = audited ? auditor_.first_lane(static_cast<int>(server)) : 0,
            .detail = detail_of(pull.flags | (whole ? kWhole : 0) | (audited ? kCanary : 0), whole ? 0 : ask.runs.size()),
            .more = pull.staleness},
           whole ? Payload{} : Payload::of(ask.runs));
}

void KvClient::subscribe(std::span<const Run> runs, Outbox& out) {
  std::vector<std::vector<Run>> local(servers_.size());
  map_.cut(runs, [&](int server, const Run& piece) { append_run(local[static_cast<std::size_t>(server)], piece); });
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    Server& server = servers_[i];
    if (local[i].empty()) continue;
    server.cache = std::make_unique<RowCache>(map_, static_cast<int>(i));
    server.cache->subscribe(local[i]);
    const Flag flags = kSubscribe | (options_.audit ? kCanary : 0);
    const Header header{.kind = Kind::pull, .channel = Channel::bulk, .detail = detail_of(flags, local[i].size())};
    out.send(server.rank, header, Payload::of(std::move(local[i])));
  }
}

void KvClient::on_frame(const Frame& frame, Outbox& /*out*/) {
  const auto server = static_cast<std::size_t>(frame.header.source - options_.first_server);
  Reader reader(frame.payload.bytes());
  if (frame.header.kind == Kind::advanced) {
    state_of(frame.header, reader);
    Advance advance{.frame = frame, .runs = reader.take<Run>(runs_in(frame.header)), .values = {}};
    advance.values = reader.floats();
    servers_[server].cache->arrive(std::move(advance));
    std::vector<std::uint64_t> ids;
    for (auto& [id, pull] : pulls_)
      if (pull.asks[server].open && pull.asks[server].by_cache) ids.push_back(id);
    for (const std::uint64_t id : ids)
      if (serve_from_cache(pulls_.at(id), server)) finish_if_done(id);
    return;
  }
  const auto found = pulls_.find(frame.header.tag);
  if (found == pulls_.end()) return;  // came twice, or says "not yet" after the answer
  Pull& pull = found->second;
  Ask& ask = pull.asks[server];
  if (!ask.open) return;
  if (has(frame.header, kParked)) {
    ask.waits_for = static_cast<int>(frame.header.more);
    return;
  }
  const bool reads = !(pull.flags & (kFlush | kSnapshot));
  const State state = reads ? state_of(frame.header, reader) : State{};
  const float* value = reader.floats().data();
  for (const AnswerPiece& piece : ask.pieces) {
    const std::size_t floats = map_.floats({&piece.run, 1}, &KvTable::width);
    std::copy_n(value, floats, pull.out.data() + piece.at);
    if (reads && servers_[server].cache && !policy_->exact()) servers_[server].cache->overwrite(piece.run, {value, floats});
    value += floats;
  }
  ask.open = false;
  --pull.open;
  if (reads) answer(pull, server, state);
  finish_if_done(frame.header.tag);
}

bool KvClient::serve_from_cache(Pull& pull, std::size_t server) {
  RowCache& cache = *servers_[server].cache;
  Ask& ask = pull.asks[server];
  cache.advance_to(policy_->exact() ? clocks_due(pull.clock, pull.staleness) : kLeft);
  if (!cache.ready()) return false;
  const Frame& frame = cache.state();
  Reader reader(frame.payload.bytes());
  const State state = state_of(frame.header, reader);
  if (!policy_->may_read(state.clocks, pull.clock, pull.staleness)) {
    ask.waits_for = static_cast<int>(std::min_element(state.witness.begin(), state.witness.end()) - state.witness.begin());
    return false;
  }
  for (const AnswerPiece& piece : ask.pieces) {
    const std::span<const float> values = cache.values(piece.run);
    std::copy(values.begin(), values.end(), pull.out.begin() + static_cast<std::ptrdiff_t>(piece.at));
  }
  ask.open = false;
  --pull.open;
  answer(pull, server, state);
  return true;
}

KvClient::State KvClient::state_of(const Header& header, Reader& reader) const {
  const auto workers = static_cast<std::size_t>(options_.workers);
  State state{header.clock, header.sequence, header.more, header.examples, reader.take<std::uint64_t>(workers), {}};
  if (has(header, kCanary))
    for (std::size_t worker = 0; worker < workers; ++worker)
      state.canary.push_back(reader.take<double>(static_cast<std::size_t>(reader.take<std::uint64_t>(1)[0])));
  return state;
}

/// The rows are in place: own updates that they miss go on top, and what the server says is checked and noted.
void KvClient::answer(Pull& pull, std::size_t number, const State& state) {
  Server& server = servers_[number];
  const Ask& ask = pull.asks[number];
  server.version = state.version;
  if (options_.overlay_own) {
    server.own.drop(state.sequence);
    if (!server.own.empty()) server.own.add_to(pull.out, ask.pieces, map_.tables());
  }
  for (const std::uint64_t clocks : state.witness) pull.oldest = std::min(pull.oldest, clocks);
  if (!state.canary.empty())
    auditor_.check(static_cast<int>(number), {.clock = pull.clock,
                                              .staleness = pull.staleness,
                                              .newest = (pull.flags & kNewest) != 0,
                                              .cached = ask.by_cache,
                                              .own_clocks = ask.own_clocks,
                                              .first_lane = state.first_lane,
                                              .witness = state.witness,
                                              .canary = state.canary});
  if (options_.history)
    options_.history->add_read({.what = Event::What::read,
                                .worker = options_.self,
                                .server = static_cast<int>(number),
                                .clock = pull.clock,
                                .staleness = pull.staleness,
                                .sequence = options_.overlay_own ? server.sequence : state.sequence,
                                .request = pull.id,
                                .newest = (pull.flags & kNewest) != 0},
                               state.witness);
}

void KvClient::finish_if_done(std::uint64_t id) {
  const auto found = pulls_.find(id);
  if (found->second.open) return;
  const Pull pull = std::move(found->second);
  pulls_.erase(found);  // before `done`, which may ask for more
  if (!(pull.flags & (kFlush | kSnapshot))) {
    if (!(pull.flags & kNewest)) staleness_clocks_.add(pull.clock - std::min(pull.clock, pull.oldest));
    record({.what = Event::What::done, .worker = options_.self, .clock = pull.clock, .staleness = pull.staleness, .request = id,
            .newest = (pull.flags & kNewest) != 0});
  }
  if (pull.done) pull.done();
}

std::vector<int> KvClient::awaited() const {
  std::vector<int> ranks;
  for (const auto& [id, pull] : pulls_)
    for (std::size_t server = 0; server < servers_.size(); ++server)
      if (pull.asks[server].open) ranks.push_back(pull.asks[server].waits_for >= 0 ? pull.asks[server].waits_for : servers_[server].rank);
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

}  // namespace sounder::mpi
