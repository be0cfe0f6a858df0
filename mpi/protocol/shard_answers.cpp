#include "protocol/shard_answers.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "protocol/canary.hpp"
#include "protocol/message.hpp"
#include "protocol/policy.hpp"

namespace sounder::mpi {
namespace {

constexpr std::size_t kPieceFloats = 64 << 10;  ///< of an answer; a row may have more

/// Takes so many floats off the front of runs, in whole rows.
class RunCutter {
 public:
  RunCutter(const ShardMap& map, std::span<const Run> runs) : map_(map), runs_(runs) {}
  bool empty() const { return runs_.empty(); }
  std::vector<Run> take(std::size_t floats) {
    std::vector<Run> piece;
    for (; !runs_.empty() && (piece.empty() || floats > 0); done_ = 0, runs_ = runs_.subspan(1)) {
      const Run& run = runs_.front();
      const auto width = static_cast<std::size_t>(map_.tables()[run.table].width);
      const std::size_t left = run.count - done_, rows = std::min(left, piece.empty() ? std::max<std::size_t>(1, floats / width) : floats / width);
      if (rows > 0) piece.push_back({run.table, static_cast<std::uint32_t>(rows), run.first + done_});
      if (rows < left) {
        done_ += rows;
        break;
      }
      floats -= std::min(floats, rows * width);
    }
    return piece;
  }

 private:
  const ShardMap& map_;
  std::span<const Run> runs_;
  std::size_t done_ = 0;  ///< rows of the first run
};

}  // namespace

void ShardAnswers::serve(const Frame& pull, std::uint64_t slowest, Outbox& out) {
  const Header& header = pull.header;
  if (has(header, kFlush)) return out.send(header.source, {.kind = Kind::values, .channel = Channel::bulk, .tag = header.tag});
  if (has(header, kSnapshot)) return serve_snapshot(header, out);
  serve_state(pull, slowest, out);
}

void ShardAnswers::serve_snapshot(const Header& pull, Outbox& out) {
  const std::span<const float> copy = snapshots_.at(pull.more);
  const Header header{.kind = Kind::values, .channel = Channel::bulk, .tag = pull.tag};
  send_rows(pull.source, header, nullptr, state_.everything(), out, [&](std::span<const Run> runs, std::span<float> to) {
    for (const Run& run : runs) {
      const auto [first, count] = state_.rows().place(run);
      std::copy_n(copy.data() + first, count, to.data());
      to = to.subspan(count);
    }
  });
}

void ShardAnswers::serve_state(const Frame& pull, std::uint64_t slowest, Outbox& out) {
  const Header& header = pull.header;
  Reader reader(pull.payload.bytes());
  const std::span<const Run> runs = state_.runs_of(header, reader);
  const bool bounded = options_.exact && !has(header, kNewest);
  const StateView state = bounded ? state_.at(clocks_due(header.clock, header.more)) : state_.newest();
  const Witness& witness = state.held.witness;
  const Preamble preamble(witness, has(header, kCanary) ? &state.held.canary : nullptr, header.examples);
  const bool worker = header.source < options_.workers;
  const Header answer{.kind = Kind::values,
                      .channel = Channel::bulk,
                      .tag = header.tag,
                      .clock = options_.exact ? state.clocks : slowest,
                      .sequence = worker ? witness[header.source].sequence : 0,
                      .examples = header.examples,
                      .detail = header.detail & kCanary,
                      .more = worker ? witness.updates_of_others(header.source) : 0};
  send_rows(header.source, answer, &preamble, runs, out, [&](std::span<const Run> piece, std::span<float> to) { read(header.source, state, piece, to); });
}

/// Piece by piece, each of whole rows: the receiver puts one in its place while the next is copied.
template <class Read>
void ShardAnswers::send_rows(int rank, Header header, const Preamble* preamble, std::span<const Run> runs, Outbox& out, Read read) const {
  const Flag flags = header.detail;
  RunCutter rest(map_, runs);
  for (std::size_t first = 0; first == 0 || !rest.empty();) {
    const std::size_t before = first == 0 && preamble ? preamble->bytes() : 0;
    const std::vector<Run> piece = rest.take(kPieceFloats);
    const std::size_t floats = map_.floats(piece, &KvTable::width), bytes = before + floats * sizeof(float);
    header.detail = detail_of(flags, first);
    Payload payload = Payload::filled(out.memory(rank, bytes), bytes, [&](std::span<std::byte> to) {
      Writer writer(to);
      if (before > 0) preamble->write(writer);
      read(std::span(piece), writer.give<float>(floats));
    });
    out.send(rank, header, std::move(payload));
    if (!rest.empty()) out.flush();
    first += floats;
    if (floats == 0) break;
  }
}

/// The updater is told what the worker is sent.
void ShardAnswers::read(int rank, const StateView& state, std::span<const Run> runs, std::span<float> to) {
  std::size_t done = 0;
  for (const Run& run : runs) done += state_.read(state, run, to.subspan(done));
  state_.sent(rank, runs, to);
}

/// Preamble, runs that are named, and their rows.
Payload ShardAnswers::payload_for(int rank, const StateView& state, const Preamble& preamble, std::span<const Run> runs) {
  const std::size_t floats = map_.floats(runs, &KvTable::width);
  return Payload::filled(preamble.bytes() + runs.size_bytes() + floats * sizeof(float), [&](std::span<std::byte> bytes) {
    Writer writer(bytes);
    preamble.write(writer);
    writer.put(runs);
    read(rank, state, runs, writer.give<float>(floats));
  });
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
  Payload payload = payload_for(to.rank, state, preamble, runs);
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
