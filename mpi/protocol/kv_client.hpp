// A worker's side of the key-value store: sends pushes, asks for rows, and checks what it is given. A pure state machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <sounder/mpi/kv_store.hpp>
#include <sounder/train/histogram.hpp>

#include "protocol/auditor.hpp"
#include "protocol/frame.hpp"
#include "protocol/history.hpp"
#include "protocol/kv_client_options.hpp"
#include "protocol/kv_link.hpp"
#include "protocol/kv_pulls.hpp"
#include "protocol/policy.hpp"
#include "protocol/prepared_push.hpp"
#include "protocol/shard_map.hpp"

namespace sounder::mpi {

class KvClient {
 public:
  using Options = KvClientOptions;
  using Prepared = PreparedPush;
  using Done = std::function<void()>;

  /// `map` outlives the client.
  KvClient(const ShardMap& map, const Options& options, std::shared_ptr<const Policy> policy);
  KvClient(const KvClient&) = delete;
  KvClient& operator=(const KvClient&) = delete;

  /// As prepare_push. Changes nothing here: any thread may call it.
  Prepared prepare(std::span<const Run> runs, std::span<const float> values, std::shared_ptr<const void> keeper = nullptr) const;
  /// Whether prepare() copies nothing if there is a keeper, and the keeper is let go when the values were applied.
  bool may_borrow(std::span<const Run> runs) const;

  void push(Prepared push, const PushInfo& info, Outbox& out);
  /// `values` is filled in place; then `done` is called, perhaps before this returns.
  void pull(std::span<const Run> runs, std::span<float> values, Done done, Outbox& out);
  void pull_snapshot(std::uint64_t id, std::span<float> values, Done done, Outbox& out);
  void clock(Outbox& out);
  void leave(Outbox& out);
  /// `done` is called when all servers have everything that was sent before.
  void flush(Done done, Outbox& out);
  void subscribe(std::span<const Run> runs, Outbox& out);
  void set_staleness(std::uint64_t staleness) { staleness_ = staleness; }
  /// Fills nothing any more, and forgets what was asked for.
  void abandon() { pulls_.abandon(); }

  /// Values or advanced.
  void on_frame(const Frame& frame, Outbox&) { pulls_.on_frame(frame); }

  std::uint64_t clock_number() const { return clock_; }
  /// Ranks that open pulls wait for: the slow worker, where a server has named it, else the server.
  std::vector<int> awaited() const { return pulls_.awaited(); }
  const Histogram& staleness_clocks() const { return pulls_.staleness_clocks(); }
  const Auditor& auditor() const { return pulls_.auditor(); }
  std::uint64_t cache_hits() const { return pulls_.cache_hits(); }

 private:
  void send_push(KvLink& server, Prepared::Part part, const PushInfo& info, Outbox& out);
  void complete(const std::vector<bool>& told, Outbox& out);
  void record(const Event& event) {
    if (options_.history) options_.history->add(event);
  }

  const ShardMap& map_;
  const Options options_;
  const std::shared_ptr<const Policy> policy_;
  std::vector<KvLink> servers_;
  KvPulls pulls_;
  std::uint64_t clock_ = 0;
  bool left_;
  std::uint64_t staleness_;
  std::uint64_t exact_from_ = 0;  // exact: reads never go back behind this state
};

}  // namespace sounder::mpi
