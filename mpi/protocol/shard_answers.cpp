#include "protocol/shard_answers.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "protocol/canary.hpp"
#include "protocol/message.hpp"
#include "protocol/policy.hpp"

namespace sounder::mpi {

void ShardAnswers::serve(const Frame& pull, std::uint64_t slowest, Outbox& out) {
  const Header& header = pull.header;
  if (has(header, kFlush)) return out.send(header.source, {.kind = Kind::values, .channel = Channel::bulk, .tag = header.tag});
  if (has(header, kSnapshot)) return serve_snapshot(header, out);
  serve_state(pull, slowest, out);
}

void ShardAnswers::serve_snapshot(const Header& pull, Outbox& out) {
  const std::span<const float> copy = snapshots_.at(pull.more);
  const std::vector<Run>& everything = state_.everything();
  Payload payload = Payload::filled(map_.floats(everything, &KvTable::width) * sizeof(float), [&](std::span<std::byte> bytes) {
    Writer writer(bytes);
    for (const Run& run : everything) {
      const auto [first, count] = state_.rows().place(run);
      writer.put(copy.subspan(first, count));
    }
  });
  out.send(pull.source, {.kind = Kind::values, .channel = Channel::bulk, .tag = pull.tag}, std::move(payload));
}

void ShardAnswers::serve_state(const Frame& pull, std::uint64_t slowest, Outbox& out) {
  const Header& header = pull.header;
  Reader reader(pull.payload.bytes());
  const std::span<const Run> runs = state_.runs_of(header, reader);
  const bool bounded = options_.exact && !has(header, kNewest);
  const StateView state = bounded ? state_.at(clocks_due(header.clock, header.more)) : state_.newest();
  const Witness& witness = state.held.witness;
  const Preamble preamble(witness, has(header, kCanary) ? &state.held.canary : nullptr, header.examples);
  Payload payload = payload_for(header.source, state, preamble, {}, runs);
  const bool worker = header.source < options_.workers;
  out.send(header.source,
           {.kind = Kind::values,
            .channel = Channel::bulk,
            .tag = header.tag,
            .clock = options_.exact ? state.clocks : slowest,
            .sequence = worker ? witness[header.source].sequence : 0,
            .examples = header.examples,
            .detail = header.detail & kCanary,
            .more = worker ? witness.updates_of_others(header.source) : 0},
           std::move(payload));
}

/// Preamble, runs that are named, and the rows of runs. The updater is told what the worker was sent.
Payload ShardAnswers::payload_for(int rank, const StateView& state, const Preamble& preamble, std::span<const Run> named,
                                  std::span<const Run> runs) {
  const std::size_t floats = map_.floats(runs, &KvTable::width);
  std::span<const float> sent;
  Payload payload = Payload::filled(preamble.bytes() + named.size_bytes() + floats * sizeof(float), [&](std::span<std::byte> bytes) {
    Writer writer(bytes);
    preamble.write(writer);
    writer.put(named);
    const std::span<float> values = writer.give<float>(floats);
    std::size_t done = 0;
    for (const Run& run : runs) done += state_.read(state, run, values.subspan(done));
    sent = values;
  });
  state_.sent(rank, runs, sent);
  return payload;
}

void ShardAnswers::subscribe(const Frame& pull, std::uint64_t slowest, Outbox& out) {
  Reader reader(pull.payload.bytes());
  const std::span<const Run> runs = state_.runs_of(pull.header, reader);
  subscribers_.push_back({.rank = pull.header.source,
                          .runs = {runs.begin(), runs.end()},
                          .canary = has(pull.header, kCanary),
                          .stamp = 0,
                          .first_lane = 0});
  send_advanced(subscribers_.back(), slowest, out);
}

void ShardAnswers::advance(std::uint64_t slowest, Outbox& out) {
  for (Subscriber& subscriber : subscribers_) send_advanced(subscriber, slowest, out);
}

void ShardAnswers::send_advanced(Subscriber& to, std::uint64_t slowest, Outbox& out) {
  const std::vector<Run> runs = state_.stamps().after(to.stamp, to.runs);
  to.stamp = state_.stamps().now();
  const StateView state = state_.newest();
  const Witness& witness = state.held.witness;
  const Preamble preamble(witness, to.canary ? &state.held.canary : nullptr, to.first_lane);
  Payload payload = payload_for(to.rank, state, preamble, runs, runs);
  out.send(to.rank,
           {.kind = Kind::advanced,
            .channel = Channel::bulk,
            .clock = options_.exact ? state.clocks : slowest,
            .sequence = witness[to.rank].sequence,
            .examples = to.first_lane,
            .detail = detail_of(to.canary ? kCanary : 0, runs.size()),
            .more = witness.updates_of_others(to.rank)},
           std::move(payload));
  // The lanes that are full for all need not go out again.
  std::uint64_t full = kLeft;
  for (int worker = 0; worker < options_.workers; ++worker) full = std::min(full, witness[worker].clocks);
  if (full != kLeft) to.first_lane = full / CanaryUpdate::kDigits;
}

}  // namespace sounder::mpi
