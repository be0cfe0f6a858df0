#include <sounder/mpi/kv_store.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "collectives.hpp"
#include "endpoint.hpp"
#include "protocol/kv_client.hpp"
#include "protocol/shard_server.hpp"

namespace sounder::mpi {
namespace {

KvOptions settled(KvOptions options, const std::vector<KvTable>& tables, std::span<const float> initial, int ranks) {
  if (options.workers == 0) options.workers = ranks;
  if (options.servers == 0) options.servers = ranks - options.first_server;
  if (options.workers < 1 || options.workers > ranks)
    throw Error(fmt::format("KvOptions::workers is {}, the run has {} ranks: take 1 to {}", options.workers, ranks, ranks));
  if (options.first_server < 0 || options.servers < 1 || options.first_server + options.servers > ranks)
    throw Error(fmt::format("KvOptions asks for servers on ranks {} to {}, the run has ranks 0 to {}: take fewer servers", options.first_server,
                            options.first_server + options.servers - 1, ranks - 1));
  if (options.visibility == Visibility::exact && options.staleness == kUnbounded)
    throw Error("KvOptions::visibility is exact without a staleness: reads of what age? set KvOptions::staleness, or take at-least");
  std::size_t floats = 0;
  for (const KvTable& table : tables) {
    if (table.width < 1 || table.push_width < 0) throw Error("a KvTable has no width: set it to the floats of a row");
    if (options.overlay_own && table.push_width != 0 && table.push_width != table.width)
      throw Error(fmt::format("KvOptions::overlay_own adds pushes to rows, and a push has {} floats where a row has {}: leave it out",
                              table.push_width, table.width));
    floats += static_cast<std::size_t>(table.rows) * static_cast<std::size_t>(table.width);
  }
  if (initial.size() != floats)
    throw Error(fmt::format("{} initial values were given to a KvStore whose tables hold {}: pack all rows of all tables", initial.size(), floats));
  return options;
}

Policy policy_of(const KvOptions& options) {
  return options.staleness == kUnbounded ? Policy::async() : Policy::ssp(options.staleness, options.visibility);
}

}  // namespace

struct KvStore::Ticket::State {
  Signal done;
};

bool KvStore::Ticket::done() const { return !state_ || state_->done.is_set(); }

struct KvStore::Parts {
  Parts(Endpoint& the_endpoint, std::vector<KvTable> tables, std::span<const float> initial, const KvOptions& the_options)
      : endpoint(the_endpoint),
        options(settled(the_options, tables, initial, the_endpoint.size())),
        map(std::move(tables), options.servers),
        everything(map.everything()),
        policy(std::make_shared<const Policy>(policy_of(options))),
        client(map,
               {.self = endpoint.rank(),
                .workers = options.workers,
                .first_server = options.first_server,
                .staleness = options.staleness,
                .overlay_own = options.overlay_own,
                .audit = options.audit},
               policy) {
    if (const int server = endpoint.rank() - options.first_server; server >= 0 && server < options.servers)
      shard = std::make_unique<ShardServer>(
          map, ShardServer::Options{server, options.workers, options.push_on_advance, options.updater}, policy, initial);
    if (shard)
      for (const Kind kind : {Kind::push, Kind::pull, Kind::clock})
        endpoint.handle(kind, [this](Frame frame) { shard->on_frame(std::move(frame), endpoint); });
    for (const Kind kind : {Kind::values, Kind::advanced})
      endpoint.handle(kind, [this](Frame frame) { client.on_frame(frame, endpoint); });
    lender->endpoint = &endpoint;
  }
  ~Parts() {
    for (const Kind kind : {Kind::push, Kind::pull, Kind::clock, Kind::values, Kind::advanced}) endpoint.ignore(kind);
    const std::lock_guard lock(lender->mutex);
    lender->endpoint = nullptr;
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  void check_rows(std::span<const Run> runs, const char* what) const {
    for (const Run& run : runs) {
      if (run.table >= map.tables().size())
        throw Error(fmt::format("a {} names table {} of a KvStore that has {}: tables count from 0", what, run.table, map.tables().size()));
      const std::uint64_t rows = map.tables()[run.table].rows;
      if (run.first > rows || run.count > rows - run.first)
        throw Error(fmt::format("a {} names rows {} to {} of table {}, which has {}: rows count from 0", what, run.first,
                                run.first + run.count, run.table, rows));
    }
  }
  void check(std::span<const Run> runs, std::size_t floats, int KvTable::*width, const char* what) const {
    check_rows(runs, what);
    if (const std::size_t expected = map.floats(runs, width); floats != expected)
      throw Error(fmt::format("a {} has {} floats for rows of {}: give one row of the table's width for each row", what, floats, expected));
  }

  /// What a pull asks for, on the communication thread.
  template <class Begin>
  Ticket begin(Begin begin_it) {
    const auto state = std::make_shared<Ticket::State>();
    endpoint.post_short([state, begin_it = std::move(begin_it)] { begin_it([state] { state->done.set(); }); });
    return Ticket(state);
  }

  Ticket push(KvClient::Prepared prepared, const PushInfo& info, std::shared_ptr<Ticket::State> state) {
    endpoint.post([this, prepared = std::move(prepared), info]() mutable { client.push(std::move(prepared), info, endpoint); });
    if (info.completes_clock) ++clock;
    return Ticket(std::move(state));
  }

  /// What borrowed values go back by: whoever lets go of them last, on whatever rank of this process, tells the thread that waits here.
  struct Lender {
    std::mutex mutex;
    Endpoint* endpoint = nullptr;  // guarded by mutex; null when the store is gone
  };

  Endpoint& endpoint;
  KvOptions options;
  ShardMap map;
  std::vector<Run> everything;
  std::shared_ptr<const Policy> policy;
  // Used by the communication thread alone, but for KvClient::prepare and may_borrow, which read what never changes.
  KvClient client;
  std::unique_ptr<ShardServer> shard;
  std::uint64_t clock = 0;  // of the thread that calls
  bool left = false, subscribed = false;  // same
  std::shared_ptr<Lender> lender = std::make_shared<Lender>();
};

KvStore::KvStore(World& world, std::vector<KvTable> tables, std::span<const float> initial, KvOptions options)
    : parts_(std::make_unique<Parts>(world.endpoint(), std::move(tables), initial, options)) {
  barrier(parts_->endpoint);  // nobody sends before all have their handlers
}

KvStore::~KvStore() = default;

int KvStore::rank() const { return parts_->endpoint.rank(); }
int KvStore::workers() const { return parts_->options.workers; }
bool KvStore::works() const { return rank() < workers(); }
bool KvStore::serves() const { return parts_->shard != nullptr; }
std::size_t KvStore::packed_floats() const { return parts_->map.floats(parts_->everything, &KvTable::width); }
const std::vector<Run>& KvStore::everything() const { return parts_->everything; }
std::uint64_t KvStore::clock_number() const { return parts_->clock; }

KvStore::Ticket KvStore::push(std::span<const Run> runs, std::span<const float> values, PushInfo info) {
  parts_->check(runs, values.size(), &KvTable::push_width, "push");
  if (!info.borrow || !parts_->client.may_borrow(runs)) return parts_->push(parts_->client.prepare(runs, values), info, nullptr);
  const auto state = std::make_shared<Ticket::State>();
  std::shared_ptr<const void> keeper(values.data(), [state, lender = parts_->lender](const void*) {
    const std::lock_guard lock(lender->mutex);
    if (lender->endpoint)
      lender->endpoint->post([state] { state->done.set(); });
    else
      state->done.set();
  });
  return parts_->push(parts_->client.prepare(runs, values, std::move(keeper)), info, state);
}

KvStore::Ticket KvStore::push(std::span<const Run> runs, std::vector<float>&& values, PushInfo info) {
  parts_->check(runs, values.size(), &KvTable::push_width, "push");
  const auto keeper = std::make_shared<const std::vector<float>>(std::move(values));
  return parts_->push(parts_->client.prepare(runs, *keeper, keeper), info, nullptr);
}

KvStore::Ticket KvStore::pull(std::span<const Run> runs, std::span<float> out) {
  parts_->check(runs, out.size(), &KvTable::width, "pull");
  return parts_->begin([parts = parts_.get(), runs = std::vector<Run>(runs.begin(), runs.end()), out](KvClient::Done done) {
    parts->client.pull(runs, out, std::move(done), parts->endpoint);
  });
}

KvStore::Ticket KvStore::pull_snapshot(std::uint64_t id, std::span<float> out) {
  parts_->check(parts_->everything, out.size(), &KvTable::width, "pull of a snapshot");
  return parts_->begin([parts = parts_.get(), id, out](KvClient::Done done) {
    parts->client.pull_snapshot(id, out, std::move(done), parts->endpoint);
  });
}

void KvStore::wait(const Ticket& ticket) {
  if (ticket.done()) return;
  Endpoint& endpoint = parts_->endpoint;
  try {
    // `on` is asked on the communication thread, which alone uses the client.
    endpoint.wait(ticket.state_->done,
                  {.what = "rows of the key-value store", .clock = parts_->clock, .on = [this] { return parts_->client.awaited(); }});
  } catch (...) {
    endpoint.run([this] { parts_->client.abandon(); });  // the memory to be filled may be gone soon
    throw;
  }
}

void KvStore::clock() {
  ++parts_->clock;
  parts_->endpoint.post_short([parts = parts_.get()] { parts->client.clock(parts->endpoint); });
}

void KvStore::leave() {
  if (std::exchange(parts_->left, true) || !works()) return;
  parts_->endpoint.post([parts = parts_.get()] { parts->client.leave(parts->endpoint); });
}

void KvStore::set_staleness(std::uint64_t staleness) {
  if (parts_->policy->exact() && staleness > parts_->options.staleness)
    throw Error(fmt::format("staleness {} was asked for, and with exact visibility servers keep only the states of KvOptions::staleness = {}: "
                            "construct the store with the largest",
                            staleness, parts_->options.staleness));
  parts_->endpoint.post([parts = parts_.get(), staleness] { parts->client.set_staleness(staleness); });
}

void KvStore::subscribe(std::span<const Run> runs) {
  if (!parts_->options.push_on_advance) throw Error("KvStore::subscribe needs KvOptions::push_on_advance: set it on all ranks");
  if (std::exchange(parts_->subscribed, true)) throw Error("KvStore::subscribe was called twice: name all rows at once");
  if (parts_->clock != 0) throw Error("KvStore::subscribe was called after a clock was completed: subscribe before");
  if (!works()) throw Error(fmt::format("rank {} subscribes and is no worker of the KvStore: only those pull by clocks", rank()));
  parts_->check_rows(runs, "subscription");
  parts_->endpoint.post([parts = parts_.get(), runs = std::vector<Run>(runs.begin(), runs.end())] {
    parts->client.subscribe(runs, parts->endpoint);
  });
}

void KvStore::snapshot(std::uint64_t id) {
  if (serves()) parts_->shard->snapshot(id, parts_->endpoint);
}

void KvStore::drop_snapshot(std::uint64_t id) {
  if (serves()) parts_->endpoint.run([&] { parts_->shard->drop_snapshot(id); });
}

void KvStore::quiesce() {
  // The first flush: all have what this rank sent. The second, when that holds for all: what servers sent on account of it has come.
  for (int i = 0; i < 2; ++i) {
    wait(parts_->begin([parts = parts_.get()](KvClient::Done done) { parts->client.flush(std::move(done), parts->endpoint); }));
    barrier(parts_->endpoint);
  }
}

KvTelemetry KvStore::telemetry() const {
  KvTelemetry telemetry;
  parts_->endpoint.run([&] {
    const KvClient& client = parts_->client;
    telemetry.staleness_clocks = client.staleness_clocks();
    telemetry.reads = client.auditor().reads();
    telemetry.violations = client.auditor().violations();
    telemetry.first_violation = client.auditor().first();
    telemetry.cache_hits = client.cache_hits();
    if (const ShardServer* const shard = parts_->shard.get()) {
      telemetry.staleness_updates = shard->staleness_updates();
      telemetry.parked_on = shard->parked_on();
      telemetry.duplicates = shard->duplicates();
    }
  });
  return telemetry;
}

}  // namespace sounder::mpi
