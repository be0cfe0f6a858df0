// The pulls of one worker that are open: asks servers and caches, puts answers together, and checks what it is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <sounder/train/histogram.hpp>

#include "protocol/auditor.hpp"
#include "protocol/frame.hpp"
#include "protocol/history.hpp"
#include "protocol/kv_client_options.hpp"
#include "protocol/kv_link.hpp"
#include "protocol/message.hpp"
#include "protocol/own_pushes.hpp"
#include "protocol/policy.hpp"
#include "protocol/preamble.hpp"
#include "protocol/shard_map.hpp"

namespace sounder::mpi {

class KvPulls {
 public:
  struct Request {
    Flag flags = 0;                 ///< kNewest, kSnapshot, kFlush
    std::uint64_t clock = 0;        ///< of the worker
    std::uint64_t staleness = 0;    ///< or the snapshot's number
    std::span<float> out{};         ///< filled in place
    std::function<void()> done{};   ///< called then, perhaps before begin() returns

    bool reads() const { return !(flags & (kFlush | kSnapshot)); }
    bool newest() const { return (flags & kNewest) != 0; }
  };

  /// `map` and `servers` outlive it.
  KvPulls(const ShardMap& map, std::vector<KvLink>& servers, const KvClientOptions& options, std::shared_ptr<const Policy> policy);

  void begin(Request request, std::span<const Run> runs, Outbox& out);
  /// Values or advanced.
  void on_frame(const Frame& frame);
  /// Fills nothing any more, and forgets what was asked for.
  void abandon() { pulls_.clear(); }

  /// Ranks that are waited for: the slow worker, where a server has named it, else the server.
  std::vector<int> awaited() const;
  const Histogram& staleness_clocks() const { return staleness_clocks_; }
  const Auditor& auditor() const { return auditor_; }
  std::uint64_t cache_hits() const { return cache_hits_; }

 private:
  struct Ask {  // one server's part of a pull
    std::vector<Run> runs;
    std::vector<AnswerPiece> pieces;  // the same, as they lie in the reader's memory
    std::size_t come = 0;      // floats
    std::size_t next = 0;      // the first piece that has not come whole,
    std::uint32_t rows = 0;    // and how many of its rows have
    Frame first{};             // of the answer
    bool open = false, by_cache = false;
    std::uint64_t own_clocks = 0;  // KvLink::canary_clocks
    int waits_for = -1;
  };
  struct Pull : Request {
    std::uint64_t id = 0;
    std::vector<Ask> asks{};  // by server
    int open = 0;
    std::uint64_t oldest = kLeft;  // clocks of the slowest worker in what was read
  };

  std::vector<Ask> cut(std::span<const Run> runs) const;
  void send_ask(const Pull& pull, std::size_t server, Outbox& out);
  void on_advanced(const Frame& frame, std::size_t server);
  void on_values(const Frame& frame, std::size_t server);
  void put(const Pull& pull, Ask& ask, std::span<const float> values) const;
  bool serve_from_cache(Pull& pull, std::size_t server);
  void answer(Pull& pull, std::size_t server, const ToldState& state);
  void audit(const Pull& pull, std::size_t server, const ToldState& state);
  void finish_if_done(std::uint64_t id);
  Event event(Event::What what, const Pull& pull) const;

  const ShardMap& map_;
  std::vector<KvLink>& servers_;
  const KvClientOptions options_;
  const std::shared_ptr<const Policy> policy_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Pull> pulls_;
  Histogram staleness_clocks_;
  Auditor auditor_;
  std::uint64_t cache_hits_ = 0;
};

}  // namespace sounder::mpi
