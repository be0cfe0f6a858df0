// Every default of a run on several ranks, in one place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <sounder/modes.hpp>

namespace sounder::mpi {

/// Whether ranks gather the gradient of a round, at parameters that nobody moves, instead of training in it.
constexpr bool gathers_gradients(RankMode mode) { return mode == RankMode::bsp || mode == RankMode::backup; }

/// How ranks exchange what they learn. Field names are the flags of bench_mpi. What a rank does inside is sounder::Options:
/// its `mode` is `--node-mode`, its `batch` the global number of examples a round, over all ranks.
struct Options {
  RankMode mode = RankMode::bsp;
  // bsp
  Architecture architecture = Architecture::allreduce;
  ReducerName reducer = ReducerName::ring;
  int ranks_per_node = 0;      ///< of ReducerName::hierarchical: so many ranks count as one machine; 0: those with one host name
  bool deterministic = false;  ///< implies the reducer; virtual shards are gathered by one thread each, at frozen parameters
  bool overlap = true;         ///< sums of gradients travel while others are computed, of models that give them layer by layer
  CodecName codec = CodecName::none;
  double topk_share = 0.01;    ///< of CodecName::topk: of a round's values
  // ssp, pushsum
  std::optional<std::uint64_t> staleness{};  ///< clocks; unset: 4, in pushsum 0
  std::uint64_t clocks() const { return staleness.value_or(mode == RankMode::pushsum ? 0 : 4); }
  // ssp
  std::optional<std::uint64_t> least_staleness{};  ///< given: chosen at run time, from this to `staleness`
  Visibility visibility = Visibility::at_least;
  // async
  Compensate compensate = Compensate::none;
  double dc_lambda = 0.04;      ///< of Compensate::dc
  // ssp, async, and bsp by server
  int dedicated_servers = 0;    ///< ranks that serve and do not train, the last ones; 0: every rank does both
  // local
  int local_rounds = 1;         ///< rounds between averages
  bool weight_samples = false;  ///< the mean is weighted by examples, not by ranks
  double participation = 1;     ///< share of the ranks that train between two averages (federated averaging)
  double outer_momentum = 0;    ///< of the averaged movement
  // gossip, adpsgd, pushsum
  std::string topology;         ///< "": ring; of pushsum one-peer
  bool allow_disconnected = false;
  // backup
  std::optional<int> backup{};  ///< ranks whose gradients of a round need not come; unset: one in four
  int evict_after = 0;          ///< rounds in a row that a rank may be too late for, before it is taken out; 0: any number
  // all
  PartitionName partition = PartitionName::hash;
  BalanceName balance = BalanceName::processed;
  double pad_seconds = 0;       ///< every round lasts at least so long, asleep
  std::string straggler;        ///< "": none; "rank:1=4x", "random:p=0.1,10x", "pareto:1.5": multiples of pad_seconds
  bool audit = false;           ///< check the consistency of every read and every merge (docs/consistency.md)
  double deadline_seconds = 60; ///< of every wait for another rank
  std::uint64_t trace_spans = 0;    ///< of each rank, that are kept at most for Result::trace; 0: none are noted

  /// Throws Error naming the flag and the mend. `ranks`: of the run.
  void validate(int ranks) const;
  /// Throws Error naming `flag`, --checkpoint or --resume, if no rank ever holds all that a run with this rule needs to go on.
  void validate_checkpoint(const char* flag, RuleName rule) const;
};

}  // namespace sounder::mpi
