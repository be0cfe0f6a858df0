// One run of a simulated key-value store: what is asked for, and what came out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sounder/data/random.hpp>

#include "protocol/checker.hpp"
#include "protocol/policy.hpp"
#include "protocol/shard_server.hpp"
#include "transport/sim.hpp"

namespace sounder::test {

/// One schedule. Everything that is not said follows from the seed.
struct KvSchedule {
  std::uint64_t seed = 0;
  int workers = 3, servers = 2, clocks = 6;
  std::uint64_t staleness = 2;
  Visibility visibility = Visibility::at_least;
  bool push_on_advance = false;
  bool varying_staleness = false;  ///< each read draws its own, up to `staleness`
  double slow = 8;                 ///< one worker computes so many times longer
  mpi::UpdaterFactory updater{};

  // What tests break.
  using Server = std::unique_ptr<mpi::ShardServer>;
  std::function<Server(const mpi::ShardMap&, const mpi::ShardServer::Options&, std::shared_ptr<const mpi::Policy>, std::span<const float>)> server{};
  std::shared_ptr<const mpi::Policy> server_policy{}, client_policy{};
  std::function<mpi::Sim::Fault(int to, const mpi::Frame&, Random&)> fault{};
  std::function<void(mpi::Sim&)> begin{};  ///< partitions and losses
  int lost_worker = -1;                    ///< lost when it has completed its second clock
  bool remove_lost = false;                ///< and the servers are told
  /// What is to be judged, if other than what was asked for.
  std::optional<mpi::Promises> judged{};

  /// Drawn from the seed: 2 to 4 workers, 5 to 8 clocks, staleness 0 to 4.
  static KvSchedule drawn(std::uint64_t seed, Visibility visibility, bool push_on_advance);
};

struct KvOutcome {
  mpi::Verdict verdict;                     ///< of the history
  std::uint64_t audit_reads = 0, audit_violations = 0;
  std::uint64_t data_errors = 0;            ///< rows that hold too little, too much, or differ at the end
  std::string first;                        ///< what was wrong, or ""
  int unfinished = 0;                       ///< workers that did not come to their end
  std::size_t parked = 0;                   ///< pulls that still wait at the end
  std::vector<std::uint64_t> parked_on;     ///< all that had to wait, by the slowest worker at that time
  std::uint64_t duplicates = 0, cache_hits = 0, delivered = 0;
  std::uint64_t digest = 0;                 ///< of the run: order and times of all frames
  std::uint64_t reads_digest = 0;           ///< of the values of all bounded reads, worker by worker: of no times
  int slow_worker = 0;

  bool sound() const { return verdict.violations == 0 && audit_violations == 0 && data_errors == 0; }
  bool stuck() const { return unfinished > 0; }
};

}  // namespace sounder::test
