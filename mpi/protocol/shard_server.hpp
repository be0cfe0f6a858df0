// The server of one shard: applies pushes, serves pulls when their bound allows it. A pure state machine.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <sounder/mpi/updater.hpp>
#include <sounder/train/histogram.hpp>

#include "protocol/canary.hpp"
#include "protocol/clock_table.hpp"
#include "protocol/frame.hpp"
#include "protocol/inbox.hpp"
#include "protocol/message.hpp"
#include "protocol/policy.hpp"
#include "protocol/rows.hpp"
#include "protocol/witness.hpp"

namespace sounder::mpi {

/// At-least: a push is applied when it comes. A read finds all that has come in: what is due, and newer.
///
/// Exact: a push is held until every worker has completed its clock; then the clock is applied as a whole, in the order of the workers.
/// The data are then those of `applied` whole clocks, and a read in clock c under staleness s is due the first c - s (clocks_due). The
/// slowest worker is in clock `slowest` = applied, so a reader is due a state of slowest - s or later, and may be due an older one than
/// another reader who is ahead of it. Therefore what a clock changes is kept as it was before (BlocksBefore) until the slowest worker is
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
  void drop_snapshot(std::uint64_t id) { snapshots_.erase(id); }
  /// A worker was found lost: nobody waits for it any more; its pushes of clocks that it has not completed, if held, are dropped.
  void remove(int worker, Outbox& out);

  const ClockTable& clocks() const { return clocks_; }
  const Witness& witness() const { return now_.witness; }
  std::span<const float> data() const { return rows_.all(); }
  std::uint64_t duplicates() const { return duplicates_; }
  std::size_t parked() const { return parked_.size(); }  ///< pulls that wait now
  const std::vector<std::uint64_t>& parked_on() const { return parked_on_; }  ///< all that had to wait, by the slowest worker
  const Histogram& staleness_updates() const { return staleness_updates_; }

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
  /// What the data hold, worker by worker.
  struct Held {
    Witness witness;
    Canary canary;
  };
  struct Before {
    std::uint64_t clock;
    Held held;
    BlocksBefore blocks;
  };
  struct Item {  // of a clock that is held: a push, or that the worker has completed it
    Frame push{};
    Inbox::Clock mark{};
    bool is_mark = false;
  };
  struct Subscriber {
    int rank;
    std::vector<Run> runs;
    bool canary;
    std::uint64_t stamp;       ///< what was sent has changed no later
    std::uint64_t first_lane;  ///< lanes before it were sent full
  };

  void take(int worker, Outbox& out);
  void take_clock(int worker, const Inbox::Clock& clock, Outbox& out);
  void complete(int worker, std::uint64_t clocks, Outbox& out);
  void advance(Outbox& out);
  void apply(const Frame& push);
  void apply_clock(std::uint64_t clock);
  std::vector<Item>& held(std::uint64_t clock, int worker);
  void mark(int worker, std::uint64_t clocks, std::uint64_t sequence);
  void keep(const Frame& push, BlocksBefore& blocks) const;
  void stamp(std::span<const Run> runs);

  void on_pull(Frame pull, Outbox& out);
  bool may_serve(const Header& pull) const;
  void release(Outbox& out);
  void serve(const Frame& pull, Outbox& out);
  void serve_state(const Frame& pull, Outbox& out);
  void subscribe(const Frame& pull, Outbox& out);
  void send_advanced(Subscriber& to, Outbox& out);
  std::span<const Run> runs_of(const Header& header, Reader& reader) const;

  const ShardMap& map_;
  Options options_;
  std::shared_ptr<const Policy> policy_;
  std::vector<Run> everything_;
  StoredRows rows_;
  std::unique_ptr<Updater> updater_;
  std::vector<Inbox> inboxes_;
  ClockTable clocks_;
  Held now_;
  std::uint64_t last_slowest_ = 0;
  std::vector<Frame> parked_;
  int parked_flushes_ = 0;

  // exact
  std::uint64_t applied_ = 0;                                         // clocks
  std::map<std::uint64_t, std::vector<std::vector<Item>>> held_;      // clock -> worker -> in order
  std::deque<Before> before_;
  std::vector<std::uint64_t> marked_;                                 // worker -> clocks that held_ says are complete

  // push on advance
  std::vector<Subscriber> subscribers_;
  std::vector<std::vector<std::uint64_t>> stamps_;  // table -> row -> the stamp of its last change
  std::uint64_t stamp_ = 1;

  std::map<std::uint64_t, std::vector<float>> snapshots_;
  std::uint64_t duplicates_ = 0;
  std::vector<std::uint64_t> parked_on_;
  Histogram staleness_updates_;
};

}  // namespace sounder::mpi
