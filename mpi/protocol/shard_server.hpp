// The server of one shard: applies pushes, serves pulls when their bound allows it. A pure state machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sounder/mpi/updater.hpp>
#include <sounder/train/histogram.hpp>

#include "protocol/clock_table.hpp"
#include "protocol/frame.hpp"
#include "protocol/held_clocks.hpp"
#include "protocol/inbox.hpp"
#include "protocol/message.hpp"
#include "protocol/policy.hpp"
#include "protocol/shard_answers.hpp"
#include "protocol/shard_state.hpp"

namespace sounder::mpi {

/// At-least: a push is applied when it comes. A read finds all that has come in: what is due, and newer.
///
/// Exact: a push is held until every worker has completed its clock; then the clock is applied as a whole, in the order of the workers.
/// The data are then those of `applied` whole clocks, and a read in clock c under staleness s is due the first c - s (clocks_due). The
/// slowest worker is in clock `slowest` = applied, so a reader is due a state of slowest - s or later, and may be due an older one than
/// another reader who is ahead of it. Therefore what a clock changes is kept as it was before (PastStates) until the slowest worker is
/// s clocks further, and an older state is read from there. With s = 0 nothing is kept: all who may read are due the newest state.
///
/// What a read holds does then not depend on timing at all: a deterministic worker gives the same bits in every run.
///
/// The protected steps are virtual so that tests can break them one at a time, and see that it is noticed.
class ShardServer {
 public:
  struct Options {
    int server = 0;    ///< number of the shard
    int workers = 1;   ///< ranks 0 ... workers - 1
    bool stamps = false;  ///< rows remember when they changed: for subscribers
    UpdaterFactory updater{};
  };

  /// `initial`: every row of every table, packed; this shard's are taken. `map` outlives the server.
  ShardServer(const ShardMap& map, const Options& options, std::shared_ptr<const Policy> policy, std::span<const float> initial);
  virtual ~ShardServer() = default;

  /// A push, pull or clock. Throws Error on a frame that no client of this store sends.
  void on_frame(Frame frame, Outbox& out);
  /// Copies the rows as they are.
  void snapshot(std::uint64_t id, Outbox& out);
  void drop_snapshot(std::uint64_t id) { answers_.drop_snapshot(id); }
  /// A worker was found lost: nobody waits for it any more; its pushes of clocks that it has not completed, if held, are dropped.
  void remove(int worker, Outbox& out);

  const ClockTable& clocks() const { return clocks_; }
  const Witness& witness() const { return state_.witness(); }
  std::span<const float> data() const { return state_.rows().all(); }
  std::uint64_t duplicates() const { return duplicates_; }
  std::size_t parked() const { return parked_.size(); }  ///< pulls that wait now
  const std::vector<std::uint64_t>& parked_on() const { return parked_on_; }  ///< all that had to wait, by the slowest worker
  const Histogram& staleness_updates() const { return state_.staleness_updates(); }

 protected:
  virtual bool is_duplicate(int worker, std::uint64_t sequence) const { return inboxes_[static_cast<std::size_t>(worker)].knows(sequence); }
  /// The push that must have been taken before this clock counts.
  virtual std::uint64_t needs(const Header& clock) const { return clock.sequence; }
  virtual std::uint64_t slowest() const { return clocks_.slowest(); }
  /// A push in its order: into the data, then its clock counts.
  virtual void deliver(const Frame& push, Outbox& out) {
    put_in(push);
    count(push.header, out);
  }
  void put_in(const Frame& push);
  void count(const Header& push, Outbox& out) {
    if (has(push, kCompletes)) complete(push.source, push.clock + 1, out);
  }

 private:
  void take(int worker, Outbox& out);
  void take_clock(int worker, const Inbox::Clock& clock, Outbox& out);
  void complete(int worker, std::uint64_t clocks, Outbox& out);
  void advance(Outbox& out);

  void on_pull(Frame pull, Outbox& out);
  void park(Frame pull, Outbox& out);
  bool may_serve(const Header& pull) const;
  void release(Outbox& out);

  const int workers_;
  const std::shared_ptr<const Policy> policy_;
  ShardState state_;
  ShardAnswers answers_;
  std::vector<Inbox> inboxes_;
  ClockTable clocks_;
  HeldClocks held_;                 // exact
  std::uint64_t last_slowest_ = 0;  // that was acted on
  std::vector<Frame> parked_;
  int parked_flushes_ = 0;
  std::vector<std::uint64_t> parked_on_;
  std::uint64_t duplicates_ = 0;
};

}  // namespace sounder::mpi
