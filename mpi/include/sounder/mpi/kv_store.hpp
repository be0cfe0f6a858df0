// Rows of floats that lie with servers, pushed and pulled by workers under a bound of staleness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sounder/modes.hpp>
#include <sounder/mpi/updater.hpp>
#include <sounder/mpi/world.hpp>
#include <sounder/train/histogram.hpp>

namespace sounder::mpi {

/// A staleness that never makes anyone wait.
inline constexpr std::uint64_t kUnbounded = ~std::uint64_t{0};

struct KvOptions {
  int workers = 0;       ///< ranks 0 ... workers - 1 push and pull; 0: all
  int servers = 0;       ///< how many ranks hold rows; 0: all
  int first_server = 0;  ///< they are this rank and the ones after it
  /// A worker in clock c (0, 1, ...: it has completed c clocks) reads every update of every worker's clocks up to c - staleness - 1, and
  /// waits for them. kUnbounded: whatever is there.
  std::uint64_t staleness = kUnbounded;
  /// exact: reads hold no other worker's newer updates; all workers in the same clock read the same bits. Needs a staleness.
  Visibility visibility = Visibility::at_least;
  UpdaterFactory updater{};  ///< empty: sum_updater()
  /// A worker sees its own updates even where a read (exact, or from the cache) does not hold them yet: they are added on top.
  /// Only for tables whose push_width is their width and whose updater adds.
  bool overlay_own = false;
  /// Servers send rows that changed to those who subscribed to them, whenever the slowest clock moves on (ESSP): a pull of such rows
  /// sends nothing, and waits for nothing if the bound holds for what has come in.
  bool push_on_advance = false;
  bool audit = false;  ///< check the consistency of every read, by a canary in the data: see KvTelemetry
};

/// What goes with a push.
struct PushInfo {
  float rate = 0;
  std::uint64_t examples = 0;
  bool completes_clock = false;  ///< as if clock() were called next, mostly without frames of its own
  /// The values stay where and as they are until the ticket is done (and after RankLost until the World is gone): they need not be
  /// copied if one server takes all rows at once and keeps nothing of a push. Otherwise they are copied before push() returns.
  bool borrow = false;
};

/// What was measured on this rank.
struct KvTelemetry {
  Histogram staleness_clocks;   ///< of this rank's pulls: its clock less the clocks of the slowest worker in what it read
  Histogram staleness_updates;  ///< of the pushes to this rank's rows: updates by others since the pusher's last read
  std::uint64_t reads = 0, violations = 0;  ///< of the audit: answers of servers that were checked, and that broke a promise
  std::string first_violation;
  std::vector<std::uint64_t> parked_on;     ///< pulls that had to wait at this rank's rows, by the slowest worker at that time
  std::uint64_t duplicates = 0;             ///< pushes that came twice and were applied once
  std::uint64_t cache_hits = 0;             ///< pulls that were answered without a frame (push_on_advance)
};

/// One thread of a rank calls it (snapshot() apart). Every rank constructs it and quiesces; workers push, pull and complete clocks. One
/// store per World at a time. Rows and sizes that do not fit throw Error; every wait throws RankLost (a kind of Error) when a rank is
/// missing or the deadline of the World is over.
class KvStore {
 public:
  /// Something that was begun. Copies are the same ticket; one made by default is done.
  class Ticket {
   public:
    Ticket() = default;
    bool done() const;

   private:
    friend class KvStore;
    struct State;
    explicit Ticket(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  /// Collective. `initial`: every row of every table, packed; each server takes its rows from its own rank's.
  KvStore(World& world, std::vector<KvTable> tables, std::span<const float> initial, KvOptions options = {});
  ~KvStore();
  KvStore(const KvStore&) = delete;
  KvStore& operator=(const KvStore&) = delete;

  int rank() const;
  int workers() const;
  bool works() const;   ///< this rank may push and pull
  bool serves() const;  ///< this rank holds rows
  std::size_t packed_floats() const;           ///< of all rows of all tables, as pulled
  const std::vector<Run>& everything() const;  ///< runs that hold all rows, in packed order

  /// Sends movements or gradients to the servers of the rows; rows of push_width floats in the order of the runs. Nobody need wait for the
  /// ticket, but for borrowed values.
  Ticket push(std::span<const Run> runs, std::span<const float> values, PushInfo info = {});
  /// The same, and the store keeps the values: not copied if one server takes all rows.
  Ticket push(std::span<const Run> runs, std::vector<float>&& values, PushInfo info = {});
  /// Fills `out` with the rows of the runs, in their order, as the own clock and the staleness allow; `out` must live, untouched, until
  /// the ticket is done. Pushes and pulls of a worker reach each server in the order of the calls.
  Ticket pull(std::span<const Run> runs, std::span<float> out);
  /// Returns when it is done.
  void wait(const Ticket& ticket);

  /// The clock that this worker is in: so many are completed.
  std::uint64_t clock_number() const;
  /// Completes this worker's clock: everything pushed so far belongs to clocks up to it.
  void clock();
  /// This worker will complete no more clocks and nobody waits for it. Its pulls, if any, read the newest state.
  void leave();

  /// For the pulls from now on. With exact visibility it may not exceed KvOptions::staleness.
  void set_staleness(std::uint64_t staleness);
  /// With push_on_advance, once, before the first clock is completed: the rows that this worker will pull.
  void subscribe(std::span<const Run> runs);

  /// Copies this rank's rows as they are, for pull_snapshot. On the communication thread (of every server), as from a handler of a frame.
  void snapshot(std::uint64_t id);
  /// All rows of all tables as the servers copied them under that id, each waiting until it has; any rank may ask.
  Ticket pull_snapshot(std::uint64_t id, std::span<float> out);
  /// Lets go of this rank's copy.
  void drop_snapshot(std::uint64_t id);

  /// Collective, on all ranks: returns when every push that was made before is applied (with exact visibility: if its clock is complete at
  /// all workers, or they have left) and nothing is under way.
  void quiesce();

  KvTelemetry telemetry() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sounder::mpi
