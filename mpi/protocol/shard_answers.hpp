// What the server of a shard sends to readers: the rows of a state, what has changed for subscribers, snapshots.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "protocol/frame.hpp"
#include "protocol/preamble.hpp"
#include "protocol/shard_map.hpp"
#include "protocol/shard_state.hpp"

namespace sounder::mpi {

/// Whether a read may be served is not asked here.
class ShardAnswers {
 public:
  struct Options {
    int workers = 1;
    bool exact = false;  ///< the states are those of whole clocks
  };

  ShardAnswers(const ShardMap& map, ShardState& state, const Options& options) : map_(map), state_(state), options_(options) {}

  /// Answers a pull. `slowest`: the clock that the slowest worker is known to be in.
  void serve(const Frame& pull, std::uint64_t slowest, Outbox& out);
  /// The reader is sent these rows now, and at each advance() what has changed of them.
  void subscribe(const Frame& pull, std::uint64_t slowest, Outbox& out);
  void advance(std::uint64_t slowest, Outbox& out);

  /// Copies the rows as they are.
  void take_snapshot(std::uint64_t id) { snapshots_[id].assign(state_.rows().all().begin(), state_.rows().all().end()); }
  void drop_snapshot(std::uint64_t id) { snapshots_.erase(id); }
  bool has_snapshot(std::uint64_t id) const { return snapshots_.contains(id); }

 private:
  struct Subscriber {
    int rank;
    std::vector<Run> runs;
    bool canary;
    std::uint64_t stamp;       ///< what was sent has changed no later
    std::uint64_t first_lane;  ///< lanes before it were sent full
  };

  void serve_state(const Frame& pull, std::uint64_t slowest, Outbox& out);
  void serve_snapshot(const Header& pull, Outbox& out);
  void send_advanced(Subscriber& to, std::uint64_t slowest, Outbox& out);
  void read(int rank, const StateView& state, std::span<const Run> runs, std::span<float> to);
  template <class Read>
  void send_rows(int rank, Header header, const Preamble* preamble, std::span<const Run> runs, Outbox& out, Read read) const;
  Payload payload_for(int rank, const StateView& state, const Preamble& preamble, std::span<const Run> runs);

  const ShardMap& map_;
  ShardState& state_;
  const Options options_;
  std::vector<Subscriber> subscribers_;
  std::map<std::uint64_t, std::vector<float>> snapshots_;
};

}  // namespace sounder::mpi
