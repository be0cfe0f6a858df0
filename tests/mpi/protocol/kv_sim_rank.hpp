// A rank of a simulated key-value store: a worker that pulls, computes, pushes and completes clocks, and checks what it sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sounder/data/random.hpp>

#include "protocol/history.hpp"
#include "protocol/kv_client.hpp"
#include "protocol/kv_schedule.hpp"
#include "protocol/shard_map.hpp"
#include "protocol/shard_server.hpp"
#include "transport/sim.hpp"

namespace sounder::test::kv_sim {

using namespace sounder::mpi;

// Two rows to a block: with two servers, each holds two of the four. Column w of each row counts the pushes of worker w, column 8 + w adds
// up fractions, whose sum depends on their order.
inline constexpr std::uint64_t kRows = 4;
inline constexpr int kWidth = 128;
inline constexpr std::size_t kFloats = kRows * kWidth;

/// Pushes that a worker makes in a clock: one or two.
inline std::uint64_t pushes_of(int worker, std::uint64_t clock) { return 1 + (static_cast<std::uint64_t>(worker) + clock) % 2; }
inline std::uint64_t pushes_before(int worker, std::uint64_t clocks) {
  std::uint64_t pushes = 0;
  for (std::uint64_t clock = 0; clock < clocks; ++clock) pushes += pushes_of(worker, clock);
  return pushes;
}

struct Net;

class Rank final : public SimActor {
 public:
  Rank(Net& net, int rank);
  void on_frame(Frame frame, Outbox& out) override;
  void on_timer(std::uint64_t id, Outbox& out) override;
  void pull_newest();

  std::unique_ptr<KvClient> client;
  KvSchedule::Server server;
  bool finished = false;
  std::vector<float> out = std::vector<float>(kFloats);
  std::uint64_t reads_digest = 0;

 private:
  void ask(Outbox& out_box);
  void on_read(std::uint64_t clock, std::span<const Run> runs);
  void check(std::uint64_t row, const float* values, std::uint64_t clock);

  Net& net_;
  int rank_;
  Random random_;
  std::uint64_t pushed_ = 0;
};

struct Net {
  const KvSchedule& schedule;
  Sim sim;
  Random random;
  ShardMap map;
  History history;
  std::vector<std::unique_ptr<Rank>> ranks;
  KvOutcome outcome{};

  explicit Net(const KvSchedule& the_schedule)
      : schedule(the_schedule),
        sim({.ranks = the_schedule.workers, .seed = the_schedule.seed}),
        random(the_schedule.seed, 1),
        map({{.rows = kRows, .width = kWidth}}, the_schedule.servers),
        history(the_schedule.workers) {
    outcome.slow_worker = static_cast<int>(random.below(static_cast<std::uint64_t>(schedule.workers)));
  }

  void wrong(const std::string& what) {
    ++outcome.data_errors;
    if (outcome.first.empty()) outcome.first = what;
  }
};

}  // namespace sounder::test::kv_sim
