#include "protocol/shard_server.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

/// The witness of a state, and its canary if asked for: what a reader checks. In front of the rows of every answer.
class Preamble {
 public:
  Preamble(const Witness& witness, const Canary* canary, std::uint64_t first_lane)
      : witness_(witness), canary_(canary), first_lane_(first_lane) {}
  std::size_t bytes() const {
    const auto workers = static_cast<std::size_t>(witness_.workers());
    std::size_t bytes = workers * sizeof(std::uint64_t);
    if (!canary_) return bytes;
    for (int worker = 0; worker < witness_.workers(); ++worker) bytes += canary_->lanes(worker, first_lane_).size_bytes();
    return bytes + workers * sizeof(std::uint64_t);
  }
  void write(Writer& writer) const {
    const std::span<std::uint64_t> clocks = writer.give<std::uint64_t>(static_cast<std::size_t>(witness_.workers()));
    for (int worker = 0; worker < witness_.workers(); ++worker) clocks[static_cast<std::size_t>(worker)] = witness_[worker].clocks;
    if (!canary_) return;
    for (int worker = 0; worker < witness_.workers(); ++worker) {
      const std::span<const double> lanes = canary_->lanes(worker, first_lane_);
      writer.give<std::uint64_t>(1)[0] = lanes.size();
      writer.put(lanes);
    }
  }

 private:
  const Witness& witness_;
  const Canary* canary_;
  std::uint64_t first_lane_;
};

}  // namespace

ShardServer::ShardServer(const ShardMap& map, const Options& options, std::shared_ptr<const Policy> policy,
                         std::span<const float> initial)
    : map_(map),
      options_(options),
      policy_(std::move(policy)),
      everything_(map.everything(options.server)),
      rows_(map, options.server),
      inboxes_(static_cast<std::size_t>(options.workers)),
      clocks_(options.workers),
      now_{Witness(options.workers), Canary(options.workers)},
      marked_(static_cast<std::size_t>(options.workers)),
      parked_on_(static_cast<std::size_t>(options.workers)) {
  std::size_t from = 0;
  map.cut(map.everything(), [&](int server, const Run& piece) {
    const std::size_t floats = map.floats({&piece, 1}, &KvTable::width);
    if (server == options_.server) {
      const std::span<const float> part = initial.subspan(from, floats);
      std::copy(part.begin(), part.end(), rows_.all().begin() + static_cast<std::ptrdiff_t>(rows_.place(piece).first));
    }
    from += floats;
  });
  if (options_.stamps)
    for (std::size_t table = 0; table < rows_.tables(); ++table)
      stamps_.emplace_back(static_cast<std::size_t>(rows_.rows(table)), stamp_);
  updater_ = (options_.updater ? options_.updater : sum_updater())(rows_, options_.workers);
}

void ShardServer::on_frame(Frame frame, Outbox& out) {
  const Header header = frame.header;
  if (header.kind == Kind::pull) return on_pull(std::move(frame), out);
  const int worker = header.source;
  if (worker < 0 || worker >= options_.workers)
    throw Error("rank " + std::to_string(worker) + " sent an update to a server of a store that has " +
                std::to_string(options_.workers) + " workers: construct the store with more workers");
  if (clocks_.completed(worker) == kLeft) return;  // what was under way when it was found lost
  Inbox& inbox = inboxes_[static_cast<std::size_t>(worker)];
  if (header.kind == Kind::clock) {
    inbox.put_clock(header.clock, needs(header), header.sequence);
  } else if (is_duplicate(worker, header.sequence)) {
    ++duplicates_;
    return;
  } else {
    inbox.put(std::move(frame));
  }
  take(worker, out);
}

void ShardServer::take(int worker, Outbox& out) {
  Inbox& inbox = inboxes_[static_cast<std::size_t>(worker)];
  while (true) {
    if (const auto clock = inbox.take_clock())
      take_clock(worker, *clock, out);
    else if (const auto push = inbox.take_push())
      deliver(*push, out);
    else
      break;
  }
  if (parked_flushes_) release(out);
}

void ShardServer::take_clock(int worker, const Inbox::Clock& clock, Outbox& out) {
  const std::uint64_t completed = clocks_.completed(worker);
  if (clock.clocks <= completed) return;  // came twice
  if (!policy_->exact())
    now_.witness.marked(worker, clock.clocks, clock.sequence);
  else if (clock.clocks == kLeft)
    held(completed, worker).push_back({.mark = clock, .is_mark = true});
  else
    mark(worker, clock.clocks, clock.sequence);
  complete(worker, clock.clocks, out);
}

void ShardServer::put_in(const Frame& push) {
  const Header& header = push.header;
  if (!policy_->exact()) return apply(push);
  mark(header.source, header.clock, header.sequence - 1);  // a push of a clock says that the ones before are complete
  held(header.clock, header.source).push_back({.push = push});
  if (has(header, kCompletes)) marked_[static_cast<std::size_t>(header.source)] = header.clock + 1;
}

/// Exact: notes among what is held that a worker's first `clocks` clocks are complete with that push, for the witness of each state.
void ShardServer::mark(int worker, std::uint64_t clocks, std::uint64_t sequence) {
  std::uint64_t& marked = marked_[static_cast<std::size_t>(worker)];
  while (marked < clocks) {
    ++marked;
    held(marked - 1, worker).push_back({.mark = {marked, sequence, sequence}, .is_mark = true});
  }
}

std::vector<ShardServer::Item>& ShardServer::held(std::uint64_t clock, int worker) {
  std::vector<std::vector<Item>>& workers = held_[clock];
  workers.resize(static_cast<std::size_t>(options_.workers));
  return workers[static_cast<std::size_t>(worker)];
}

void ShardServer::complete(int worker, std::uint64_t clocks, Outbox& out) {
  clocks_.complete(worker, clocks);
  if (slowest() != last_slowest_) advance(out);
}

void ShardServer::advance(Outbox& out) {
  last_slowest_ = slowest();
  if (!policy_->exact()) {
    for (Subscriber& subscriber : subscribers_) send_advanced(subscriber, out);
  } else {
    // All have left: what is held comes in, and no clock is after it.
    const std::uint64_t end = last_slowest_ != kLeft ? last_slowest_ : held_.empty() ? applied_ : held_.rbegin()->first + 1;
    while (applied_ < end) {
      apply_clock(applied_);
      for (Subscriber& subscriber : subscribers_) send_advanced(subscriber, out);
    }
  }
  release(out);
}

void ShardServer::apply(const Frame& push) {
  const Header& header = push.header;
  Reader reader(push.payload.bytes());
  const std::span<const Run> runs = runs_of(header, reader);
  const CanaryUpdate canary = has(header, kCanary) ? reader.take<CanaryUpdate>(1)[0] : CanaryUpdate{};
  const std::span<const float> values = reader.floats();
  if (values.size() != map_.floats(runs, &KvTable::push_width))
    throw Error("a push of rank " + std::to_string(header.source) + " holds " + std::to_string(values.size()) +
                " floats, its rows have " + std::to_string(map_.floats(runs, &KvTable::push_width)) +
                ": construct the store with the same tables on all ranks");
  // Data, witness and canary move together: no read comes between.
  if (!runs.empty()) {
    const std::uint64_t others = now_.witness.updates_of_others(header.source);
    const std::uint64_t staleness = others - std::min(others, header.more);
    staleness_updates_.add(staleness);
    updater_->apply(rows_, {.worker = header.source,
                            .clock = header.clock,
                            .staleness = staleness,
                            .rate = std::bit_cast<float>(static_cast<std::uint32_t>(header.tag)),
                            .examples = header.examples,
                            .runs = runs,
                            .values = values});
    if (!policy_->exact()) ++stamp_;
    if (options_.stamps) stamp(runs);
  }
  if (has(header, kCanary)) now_.canary.apply(header.source, canary);
  now_.witness.applied(header.source, header.sequence, header.clock, has(header, kCompletes), !runs.empty());
}

void ShardServer::apply_clock(std::uint64_t clock) {
  std::vector<std::vector<Item>> workers;
  if (const auto found = held_.find(clock); found != held_.end()) {
    workers = std::move(found->second);
    held_.erase(found);
  }
  if (policy_->staleness()) {
    before_.push_back({clock, now_, BlocksBefore(rows_.blocks())});
    for (const std::vector<Item>& items : workers)
      for (const Item& item : items)
        if (!item.is_mark) keep(item.push, before_.back().blocks);
  }
  ++stamp_;
  updater_->begin_clock(rows_, clock);
  for (std::size_t worker = 0; worker < workers.size(); ++worker)
    for (const Item& item : workers[worker])
      if (item.is_mark)
        now_.witness.marked(static_cast<int>(worker), item.mark.clocks, item.mark.sequence);
      else
        apply(item.push);
  updater_->end_clock(rows_, clock);
  applied_ = clock + 1;
  while (!before_.empty() && before_.front().clock + policy_->staleness() < applied_) before_.pop_front();
}

void ShardServer::keep(const Frame& push, BlocksBefore& blocks) const {
  const auto keep_floats = [&](std::size_t first, std::size_t count) {
    for (std::size_t block = first / kGuardFloats; block * kGuardFloats < first + count; ++block) blocks.keep(block, rows_.all());
  };
  if (updater_->touches() == Updater::Touches::everything) return keep_floats(0, rows_.all().size());
  Reader reader(push.payload.bytes());
  for (const Run& run : runs_of(push.header, reader)) {
    const auto [first, count] = rows_.place(run);
    keep_floats(first, count);
  }
}

void ShardServer::stamp(std::span<const Run> runs) {
  if (updater_->touches() == Updater::Touches::everything) runs = everything_;
  for (const Run& run : runs) {
    const std::size_t width = static_cast<std::size_t>(rows_.width(run.table));
    // Whole blocks: an updater may change the neighbours of a row too.
    const std::size_t begin = static_cast<std::size_t>(run.first) * width / kGuardFloats * kGuardFloats / width;
    const std::size_t end = ((static_cast<std::size_t>(run.first) + run.count) * width + kGuardFloats - 1) / kGuardFloats * kGuardFloats;
    std::vector<std::uint64_t>& stamps = stamps_[run.table];
    for (std::size_t row = begin; row < std::min(stamps.size(), (end + width - 1) / width); ++row) stamps[row] = stamp_;
  }
}

void ShardServer::on_pull(Frame pull, Outbox& out) {
  if (has(pull.header, kSubscribe)) return subscribe(pull, out);
  if (may_serve(pull.header)) return serve(pull, out);
  if (has(pull.header, kFlush)) ++parked_flushes_;
  if (!has(pull.header, kFlush) && !has(pull.header, kSnapshot)) {
    const int slow = clocks_.slowest_worker();
    ++parked_on_[static_cast<std::size_t>(slow)];
    out.send(pull.header.source, {.kind = Kind::values,
                                  .tag = pull.header.tag,
                                  .clock = clocks_.completed(slow),
                                  .detail = kParked,
                                  .more = static_cast<std::uint64_t>(slow)});
  }
  parked_.push_back(std::move(pull));
}

bool ShardServer::may_serve(const Header& pull) const {
  if (has(pull, kFlush))
    return pull.source >= options_.workers || (inboxes_[static_cast<std::size_t>(pull.source)].taken() >= pull.sequence &&
                                               clocks_.completed(pull.source) >= pull.clock);
  if (has(pull, kSnapshot)) return snapshots_.contains(pull.more);
  return has(pull, kNewest) || policy_->may_read(slowest(), pull.clock, pull.more);
}

void ShardServer::release(Outbox& out) {
  std::vector<Frame> waiting = std::exchange(parked_, {});
  for (Frame& pull : waiting) {
    if (!may_serve(pull.header)) {
      parked_.push_back(std::move(pull));
      continue;
    }
    if (has(pull.header, kFlush)) --parked_flushes_;
    serve(pull, out);
  }
}

void ShardServer::serve(const Frame& pull, Outbox& out) {
  const Header& header = pull.header;
  if (has(header, kFlush)) return out.send(header.source, {.kind = Kind::values, .channel = Channel::bulk, .tag = header.tag});
  if (!has(header, kSnapshot)) return serve_state(pull, out);
  const std::span<const float> copy = snapshots_.at(header.more);
  Payload payload = Payload::filled(map_.floats(everything_, &KvTable::width) * sizeof(float), [&](std::span<std::byte> bytes) {
    Writer writer(bytes);
    for (const Run& run : everything_) {
      const auto [first, count] = rows_.place(run);
      writer.put(copy.subspan(first, count));
    }
  });
  out.send(header.source, {.kind = Kind::values, .channel = Channel::bulk, .tag = header.tag}, std::move(payload));
}

void ShardServer::serve_state(const Frame& pull, Outbox& out) {
  const Header& header = pull.header;
  Reader reader(pull.payload.bytes());
  const std::span<const Run> runs = runs_of(header, reader);

  std::uint64_t held_clocks = policy_->exact() ? applied_ : last_slowest_;
  std::vector<const BlocksBefore*> before;
  const Held* held = &now_;
  if (policy_->exact() && !has(header, kNewest)) {
    const std::uint64_t due = clocks_due(header.clock, header.more);  // kept, but for one who was removed and still reads
    for (const Before& old : before_)
      if (old.clock >= due) {
        if (before.empty()) held = &old.held;
        before.push_back(&old.blocks);
      }
    held_clocks = applied_ - before.size();
  }

  const Preamble preamble(held->witness, has(header, kCanary) ? &held->canary : nullptr, header.examples);
  const std::size_t floats = map_.floats(runs, &KvTable::width);
  std::span<const float> sent;
  Payload payload = Payload::filled(preamble.bytes() + floats * sizeof(float), [&](std::span<std::byte> bytes) {
    Writer writer(bytes);
    preamble.write(writer);
    const std::span<float> values = writer.give<float>(floats);
    std::size_t done = 0;
    for (const Run& run : runs) {
      const auto [first, count] = rows_.place(run);
      if (before.empty())
        std::copy_n(rows_.all().data() + first, count, values.data() + done);
      else
        read_before(rows_.all(), first, values.subspan(done, count), before);
      done += count;
    }
    sent = values;
  });
  const bool worker = header.source < options_.workers;
  if (worker) updater_->sent(rows_, header.source, runs, sent);
  out.send(header.source,
           {.kind = Kind::values,
            .channel = Channel::bulk,
            .tag = header.tag,
            .clock = held_clocks,
            .sequence = worker ? held->witness[header.source].sequence : 0,
            .examples = header.examples,
            .detail = header.detail & kCanary,
            .more = worker ? held->witness.updates_of_others(header.source) : 0},
           std::move(payload));
}

void ShardServer::subscribe(const Frame& pull, Outbox& out) {
  Reader reader(pull.payload.bytes());
  const std::span<const Run> runs = runs_of(pull.header, reader);
  subscribers_.push_back({.rank = pull.header.source,
                          .runs = {runs.begin(), runs.end()},
                          .canary = has(pull.header, kCanary),
                          .stamp = 0,
                          .first_lane = 0});
  send_advanced(subscribers_.back(), out);
}

void ShardServer::send_advanced(Subscriber& to, Outbox& out) {
  std::vector<Run> runs;
  for (const Run& run : to.runs) {
    const std::vector<std::uint64_t>& stamps = stamps_[run.table];
    for (std::uint64_t row = run.first; row < run.first + run.count; ++row)
      if (stamps[row] > to.stamp) append_run(runs, {run.table, 1, row});
  }
  to.stamp = stamp_;

  const Preamble preamble(now_.witness, to.canary ? &now_.canary : nullptr, to.first_lane);
  const std::size_t floats = map_.floats(runs, &KvTable::width);
  std::span<const float> sent;
  Payload payload = Payload::filled(
      preamble.bytes() + runs.size() * sizeof(Run) + floats * sizeof(float), [&](std::span<std::byte> bytes) {
        Writer writer(bytes);
        preamble.write(writer);
        writer.put<Run>(runs);
        const std::span<float> values = writer.give<float>(floats);
        float* value = values.data();
        for (const Run& run : runs) {
          const auto [first, count] = rows_.place(run);
          value = std::copy_n(rows_.all().data() + first, count, value);
        }
        sent = values;
      });
  if (to.rank < options_.workers) updater_->sent(rows_, to.rank, runs, sent);
  out.send(to.rank,
           {.kind = Kind::advanced,
            .channel = Channel::bulk,
            .clock = policy_->exact() ? applied_ : last_slowest_,
            .sequence = now_.witness[to.rank].sequence,
            .examples = to.first_lane,
            .detail = detail_of(to.canary ? kCanary : 0, runs.size()),
            .more = now_.witness.updates_of_others(to.rank)},
           std::move(payload));
  // The lanes that are full for all need not go out again.
  std::uint64_t full = kLeft;
  for (int worker = 0; worker < options_.workers; ++worker) full = std::min(full, now_.witness[worker].clocks);
  if (full != kLeft) to.first_lane = full / CanaryUpdate::kDigits;
}

std::span<const Run> ShardServer::runs_of(const Header& header, Reader& reader) const {
  if (has(header, kWhole)) return everything_;
  const std::span<const Run> runs = reader.take<Run>(runs_in(header));
  for (const Run& run : runs)
    if (run.table >= rows_.tables() || run.first > rows_.rows(run.table) || run.count > rows_.rows(run.table) - run.first)
      throw Error("rank " + std::to_string(header.source) + " names rows that a server does not hold: construct the store with the same"
                  " tables on all ranks");
  return runs;
}

void ShardServer::snapshot(std::uint64_t id, Outbox& out) {
  snapshots_[id].assign(rows_.all().begin(), rows_.all().end());
  release(out);
}

void ShardServer::remove(int worker, Outbox& out) {
  const std::uint64_t completed = clocks_.completed(worker);
  for (auto& [clock, workers] : held_)
    if (clock >= completed) workers[static_cast<std::size_t>(worker)].clear();
  now_.witness.marked(worker, kLeft, 0);  // what is not here will never be
  complete(worker, kLeft, out);
}

}  // namespace sounder::mpi
