#include "protocol/shard_server.hpp"

#include <string>
#include <utility>

#include <sounder/error.hpp>

namespace sounder::mpi {

ShardServer::ShardServer(const ShardMap& map, const Options& options, std::shared_ptr<const Policy> policy,
                         std::span<const float> initial)
    : workers_(options.workers),
      policy_(std::move(policy)),
      state_(map,
             {.server = options.server,
              .workers = options.workers,
              .stamps = options.stamps,
              .kept_clocks = policy_->exact() ? policy_->staleness() : 0,
              .updater = options.updater},
             initial),
      answers_(map, state_, {.workers = options.workers, .exact = policy_->exact()}),
      inboxes_(static_cast<std::size_t>(options.workers)),
      clocks_(options.workers),
      held_(options.workers),
      parked_on_(static_cast<std::size_t>(options.workers)) {}

void ShardServer::on_frame(Frame frame, Outbox& out) {
  const Header header = frame.header;
  if (header.kind == Kind::pull) return on_pull(std::move(frame), out);
  const int worker = header.source;
  if (worker < 0 || worker >= workers_)
    throw Error("rank " + std::to_string(worker) + " sent an update to a server of a store that has " + std::to_string(workers_) +
                " workers: construct the store with more workers");
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
    state_.mark(worker, clock.clocks, clock.sequence);
  else if (clock.clocks == kLeft)
    held_.leave(worker, completed, clock);
  else
    held_.mark(worker, clock.clocks, clock.sequence);
  complete(worker, clock.clocks, out);
}

void ShardServer::put_in(const Frame& push) {
  if (policy_->exact())
    held_.put(push);
  else
    state_.apply(push);
}

void ShardServer::complete(int worker, std::uint64_t clocks, Outbox& out) {
  clocks_.complete(worker, clocks);
  if (slowest() != last_slowest_) advance(out);
}

void ShardServer::advance(Outbox& out) {
  last_slowest_ = slowest();
  if (!policy_->exact()) {
    answers_.advance(last_slowest_, out);
  } else {
    // All have left: what is held comes in, and no clock is after it.
    const std::uint64_t end = last_slowest_ != kLeft ? last_slowest_ : held_.empty() ? state_.applied() : held_.last() + 1;
    while (state_.applied() < end) {
      state_.apply_clock(held_.take(state_.applied()));
      answers_.advance(last_slowest_, out);
    }
  }
  release(out);
}

void ShardServer::on_pull(Frame pull, Outbox& out) {
  if (has(pull.header, kSubscribe)) return answers_.subscribe(pull, last_slowest_, out);
  if (may_serve(pull.header)) return answers_.serve(pull, last_slowest_, out);
  park(std::move(pull), out);
}

/// To be answered later; who reads rows is told whom it waits for.
void ShardServer::park(Frame pull, Outbox& out) {
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
    return pull.source >= workers_ || (inboxes_[static_cast<std::size_t>(pull.source)].taken() >= pull.sequence &&
                                        clocks_.completed(pull.source) >= pull.clock);
  if (has(pull, kSnapshot)) return answers_.has_snapshot(pull.more);
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
    answers_.serve(pull, last_slowest_, out);
  }
}

void ShardServer::snapshot(std::uint64_t id, Outbox& out) {
  answers_.take_snapshot(id);
  release(out);
}

void ShardServer::remove(int worker, Outbox& out) {
  held_.drop(worker, clocks_.completed(worker));
  state_.mark(worker, kLeft, 0);  // what is not here will never be
  complete(worker, kLeft, out);
}

}  // namespace sounder::mpi
