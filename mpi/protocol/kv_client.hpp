// A worker's side of the key-value store: sends pushes, asks for rows, and checks what it is given. A pure state machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sounder/mpi/kv_store.hpp>
#include <sounder/train/histogram.hpp>

#include "protocol/auditor.hpp"
#include "protocol/frame.hpp"
#include "protocol/history.hpp"
#include "protocol/message.hpp"
#include "protocol/own_pushes.hpp"
#include "protocol/policy.hpp"
#include "protocol/row_cache.hpp"
#include "protocol/shard_map.hpp"

namespace sounder::mpi {

class KvClient {
 public:
  struct Options {
    int self = 0;          ///< rank; a worker if less than `workers`
    int workers = 1;
    int first_server = 0;  ///< rank of shard 0
    std::uint64_t staleness = kUnbounded;  ///< at first
    bool overlay_own = false;
    bool push_on_advance = false;
    bool audit = false;
    History* history = nullptr;  ///< records, if given
  };
  using Done = std::function<void()>;

  KvClient(const ShardMap& map, const Options& options, std::shared_ptr<const Policy> policy);

  /// A push, cut up by server. Made by prepare(), which changes nothing here: any thread may call it.
  struct Prepared {
    struct Part {
      std::vector<Run> runs{};  ///< local
      Flag flags = 0;
      Payload payload{};
      CanaryUpdate* canary = nullptr;  ///< in the payload, to be filled
    };
    std::vector<Part> parts;  ///< by server
  };
  /// `keeper`, if given, owns `values`: where one server takes all rows they are sent as they lie. Else they are copied.
  Prepared prepare(std::span<const Run> runs, std::span<const float> values, std::shared_ptr<const void> keeper = nullptr) const;
  /// Whether prepare() copies nothing if there is a keeper, and the keeper is let go when the values were applied.
  bool may_borrow(std::span<const Run> runs) const;

  void push(Prepared push, const PushInfo& info, Outbox& out);
  /// `out` is filled in place; then `done` is called, perhaps before this returns.
  void pull(std::span<const Run> runs, std::span<float> values, Done done, Outbox& out);
  void pull_snapshot(std::uint64_t id, std::span<float> values, Done done, Outbox& out);
  void clock(Outbox& out);
  void leave(Outbox& out);
  /// `done` is called when all servers have everything that was sent before.
  void flush(Done done, Outbox& out);
  void subscribe(std::span<const Run> runs, Outbox& out);
  void set_staleness(std::uint64_t staleness) { staleness_ = staleness; }
  /// Fills nothing any more, and forgets what was asked for.
  void abandon() { pulls_.clear(); }

  /// Values or advanced.
  void on_frame(const Frame& frame, Outbox& out);

  std::uint64_t clock_number() const { return clock_; }
  /// Ranks that open pulls wait for: the slow worker, where a server has named it, else the server.
  std::vector<int> awaited() const;
  const Histogram& staleness_clocks() const { return staleness_clocks_; }
  const Auditor& auditor() const { return auditor_; }
  std::uint64_t cache_hits() const { return cache_hits_; }

 private:
  struct Server {
    int rank = 0;
    std::uint64_t sequence = 0;       // the last push
    std::uint64_t version = 0;        // updates of others in what was read last
    std::uint64_t canary_clocks = 0;  // clocks up to this one have sent their canary update
    std::vector<Run> everything;
    OwnPushes own;
    std::unique_ptr<RowCache> cache;  // of what it was subscribed to
  };
  struct Ask {  // one server's part of a pull
    std::vector<Run> runs;
    std::vector<AnswerPiece> pieces;  // the same, as they lie in the reader's memory
    bool open = false, by_cache = false;
    std::uint64_t own_clocks = 0;  // Server::canary_clocks
    int waits_for = -1;
  };
  struct Pull {
    std::uint64_t id = 0;
    Flag flags = 0;
    std::uint64_t clock = 0, staleness = 0;
    std::span<float> out{};
    std::vector<Ask> asks{};  // by server
    int open = 0;
    std::uint64_t oldest = kLeft;  // clocks of the slowest worker in what was read
    Done done{};
  };
  /// What a server says of the state that it sends.
  struct State {
    std::uint64_t clocks, sequence, version, first_lane;
    std::span<const std::uint64_t> witness;
    std::vector<std::span<const double>> canary;
  };

  void send_push(Server& server, Prepared::Part part, const PushInfo& info, Outbox& out);
  void complete(const std::vector<bool>& told, Outbox& out);
  void begin(Pull pull, std::span<const Run> runs, Outbox& out);
  void send_ask(const Pull& pull, std::size_t server, Outbox& out);
  bool serve_from_cache(Pull& pull, std::size_t server);
  void answer(Pull& pull, std::size_t server, const State& state);
  void finish_if_done(std::uint64_t id);
  State state_of(const Header& header, Reader& reader) const;
  void record(const Event& event) {
    if (options_.history) options_.history->add(event);
  }

  const ShardMap& map_;
  Options options_;
  std::shared_ptr<const Policy> policy_;
  std::vector<Server> servers_;
  std::uint64_t clock_ = 0;
  bool left_ = false;
  std::uint64_t staleness_;
  std::uint64_t exact_from_ = 0;  // exact: reads never go back behind this state
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Pull> pulls_;
  Histogram staleness_clocks_;
  Auditor auditor_;
  std::uint64_t cache_hits_ = 0;
};

}  // namespace sounder::mpi
