#include "protocol/kv_pulls.hpp"

#include <algorithm>
#include <utility>

#include <sounder/error.hpp>

namespace sounder::mpi {

KvPulls::KvPulls(const ShardMap& map, std::vector<KvLink>& servers, const KvClientOptions& options, std::shared_ptr<const Policy> policy)
    : map_(map),
      servers_(servers),
      options_(options),
      policy_(std::move(policy)),
      auditor_(options.self, options.workers, map.servers(), policy_->exact() ? Visibility::exact : Visibility::at_least) {}

std::vector<KvPulls::Ask> KvPulls::cut(std::span<const Run> runs) const {
  std::vector<Ask> asks(servers_.size());
  std::size_t at = 0;
  map_.cut(runs, [&](int server, const Run& piece) {
    Ask& ask = asks[static_cast<std::size_t>(server)];
    append_run(ask.runs, piece);
    ask.pieces.push_back({piece, at});
    at += map_.floats({&piece, 1}, &KvTable::width);
  });
  return asks;
}

void KvPulls::begin(Request request, std::span<const Run> runs, Outbox& out) {
  const std::uint64_t id = next_id_++;
  Pull& pull = pulls_[id];
  static_cast<Request&>(pull) = std::move(request);
  pull.id = id;
  pull.asks = cut(runs);
  if (pull.reads() && options_.history) options_.history->add(event(Event::What::ask, pull));
  bool sent = false;
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Ask& ask = pull.asks[server];
    if (ask.runs.empty() && !(pull.flags & kFlush)) continue;
    ask.open = true;
    ask.own_clocks = servers_[server].canary_clocks;
    ++pull.open;
    ask.by_cache = pull.reads() && !pull.newest() && servers_[server].cache && servers_[server].cache->covers(ask.runs);
    if (ask.by_cache) {
      serve_from_cache(pull, server);
    } else {
      send_ask(pull, server, out);
      sent = true;
    }
  }
  if (!sent && pull.open == 0 && pull.reads() && !runs.empty()) ++cache_hits_;
  finish_if_done(id);
}

void KvPulls::send_ask(const Pull& pull, std::size_t server, Outbox& out) {
  const Ask& ask = pull.asks[server];
  const bool whole = !ask.runs.empty() && ask.runs == servers_[server].everything;
  const bool audited = options_.audit && pull.reads();
  out.send(servers_[server].rank,
           {.kind = Kind::pull,
            .channel = Channel::bulk,
            .tag = pull.id,
            .clock = pull.clock,
            .sequence = servers_[server].sequence,
            .examples = audited ? auditor_.first_lane(static_cast<int>(server)) : 0,
            .detail = detail_of(pull.flags | (whole ? kWhole : 0) | (audited ? kCanary : 0), whole ? 0 : ask.runs.size()),
            .more = pull.staleness},
           whole ? Payload{} : Payload::of(ask.runs));
}

void KvPulls::on_frame(const Frame& frame) {
  const auto server = static_cast<std::size_t>(frame.header.source - options_.first_server);
  if (frame.header.kind == Kind::advanced)
    on_advanced(frame, server);
  else
    on_values(frame, server);
}

void KvPulls::on_advanced(const Frame& frame, std::size_t server) {
  Reader reader(frame.payload.bytes());
  ToldState::read(frame.header, reader, options_.workers);  // when its rows are due
  Advance advance{.frame = frame, .runs = reader.take<Run>(runs_in(frame.header)), .values = {}};
  advance.values = reader.floats();
  servers_[server].cache->arrive(std::move(advance));
  std::vector<std::uint64_t> ids;
  for (auto& [id, pull] : pulls_)
    if (pull.asks[server].open && pull.asks[server].by_cache) ids.push_back(id);
  for (const std::uint64_t id : ids)
    if (serve_from_cache(pulls_.at(id), server)) finish_if_done(id);
}

void KvPulls::on_values(const Frame& frame, std::size_t server) {
  const auto found = pulls_.find(frame.header.tag);
  if (found == pulls_.end()) return;  // came twice, or says "not yet" after the answer
  Pull& pull = found->second;
  Ask& ask = pull.asks[server];
  if (!ask.open) return;
  if (has(frame.header, kParked)) {
    ask.waits_for = static_cast<int>(frame.header.more);
    return;
  }
  if (first_in(frame.header) != ask.come) return;  // came twice
  if (ask.come == 0) ask.first = frame;
  Reader reader(frame.payload.bytes());
  if (ask.come == 0 && pull.reads()) ToldState::read(frame.header, reader, options_.workers);  // when all has come
  put(pull, ask, reader.floats());
  if (ask.next < ask.pieces.size()) return;
  ask.open = false;
  --pull.open;
  if (pull.reads()) {
    // Not before: the cache and the own pushes that it misses change together.
    if (RowCache* const cache = servers_[server].cache.get(); cache && !policy_->exact())
      for (const AnswerPiece& piece : ask.pieces) cache->overwrite(piece.run, pull.out.subspan(piece.at, map_.floats({&piece.run, 1}, &KvTable::width)));
    Reader told(ask.first.payload.bytes());
    answer(pull, server, ToldState::read(ask.first.header, told, options_.workers));
  }
  ask.first = {};
  finish_if_done(frame.header.tag);
}

/// Rows of an answer, behind those that have come.
void KvPulls::put(const Pull& pull, Ask& ask, std::span<const float> values) const {
  ask.come += values.size();
  for (; ask.next < ask.pieces.size(); ask.rows = 0, ++ask.next) {
    const auto& [run, at] = ask.pieces[ask.next];
    const auto width = static_cast<std::size_t>(map_.tables()[run.table].width);
    const auto rows = static_cast<std::uint32_t>(std::min<std::size_t>(run.count - ask.rows, values.size() / width));
    const std::span<const float> here = values.first(rows * width);
    std::ranges::copy(here, pull.out.data() + at + ask.rows * width);
    values = values.subspan(here.size());
    ask.rows += rows;
    if (ask.rows < run.count) break;
  }
  if (!values.empty()) throw Error("an answer has other rows than were asked for: run the same program on all ranks");
}

bool KvPulls::serve_from_cache(Pull& pull, std::size_t server) {
  RowCache& cache = *servers_[server].cache;
  Ask& ask = pull.asks[server];
  cache.advance_to(policy_->exact() ? clocks_due(pull.clock, pull.staleness) : kLeft);
  if (!cache.ready()) return false;
  const Frame& frame = cache.state();
  Reader reader(frame.payload.bytes());
  const ToldState state = ToldState::read(frame.header, reader, options_.workers);
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

/// The rows are in place: own updates that they miss go on top, and what the server says is checked and noted.
void KvPulls::answer(Pull& pull, std::size_t server, const ToldState& state) {
  KvLink& link = servers_[server];
  link.version = state.version;
  if (options_.overlay_own) {
    link.own.drop(state.sequence);
    if (!link.own.empty()) link.own.add_to(pull.out, pull.asks[server].pieces, map_.tables());
  }
  for (const std::uint64_t clocks : state.witness) pull.oldest = std::min(pull.oldest, clocks);
  if (!state.canary.empty()) audit(pull, server, state);
  if (!options_.history) return;
  Event read = event(Event::What::read, pull);
  read.server = static_cast<int>(server);
  read.sequence = options_.overlay_own ? link.sequence : state.sequence;
  options_.history->add_read(read, state.witness);
}

void KvPulls::audit(const Pull& pull, std::size_t server, const ToldState& state) {
  const Ask& ask = pull.asks[server];
  auditor_.check(static_cast<int>(server), {.clock = pull.clock,
                                            .staleness = pull.staleness,
                                            .newest = pull.newest(),
                                            .cached = ask.by_cache,
                                            .own_clocks = ask.own_clocks,
                                            .first_lane = state.first_lane,
                                            .witness = state.witness,
                                            .canary = state.canary});
}

void KvPulls::finish_if_done(std::uint64_t id) {
  const auto found = pulls_.find(id);
  if (found->second.open) return;
  const Pull pull = std::move(found->second);
  pulls_.erase(found);  // before `done`, which may ask for more
  if (pull.reads()) {
    if (!pull.newest()) staleness_clocks_.add(pull.clock - std::min(pull.clock, pull.oldest));
    if (options_.history) options_.history->add(event(Event::What::done, pull));
  }
  if (pull.done) pull.done();
}

Event KvPulls::event(Event::What what, const Pull& pull) const {
  return {.what = what, .worker = options_.self, .clock = pull.clock, .staleness = pull.staleness, .request = pull.id, .newest = pull.newest()};
}

std::vector<int> KvPulls::awaited() const {
  std::vector<int> ranks;
  for (const auto& [id, pull] : pulls_)
    for (std::size_t server = 0; server < servers_.size(); ++server)
      if (pull.asks[server].open) ranks.push_back(pull.asks[server].waits_for >= 0 ? pull.asks[server].waits_for : servers_[server].rank);
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

}  // namespace sounder::mpi
