// What a mode between ranks is: one file of this folder, named as its flag.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sounder/mpi/data.hpp>
#include <sounder/mpi/options.hpp>
#include <sounder/options.hpp>
#include <sounder/train/backend.hpp>
#include <sounder/train/histogram.hpp>

#include "endpoint.hpp"

namespace sounder::mpi {

/// What a mode has at hand for a whole run.
struct Setting {
  World& world;
  Endpoint& endpoint;                ///< of the world
  int workers;                       ///< ranks that train: 0, 1, ..., workers - 1
  const Kernel& kernel;
  const Dataset& data;               ///< this rank's examples, shard by shard
  std::span<const std::size_t> shard_begins;  ///< where each virtual shard of this rank begins in `data`, and the end
  int first_shard;                   ///< the number of the first of them, of kVirtualShards
  std::uint64_t all_examples;        ///< of all ranks
  Parameters& parameters;            ///< this rank's; the same start values on all ranks
  Backend& backend;                  ///< prepared with kernel, data and parameters
  const sounder::Options& options;
  const Options& mpi;
  int first_round = 0;               ///< of a run that goes on,
  const std::map<std::string, std::string>* notes = nullptr;  ///< and the notes() of the one before, among others
};

/// One round of a rank.
struct RankRound {
  Round round;               ///< its index is the clock; its rate the step size
  ChunkQueue& queue;         ///< opened on the round's chunks, for the workers of the backend
  std::span<const Range> ranges;  ///< the same examples
  /// For a mode that publishes a round in pieces: sleeps, as --pad and --straggler say, until this share of the round may be done.
  /// Any number of times before `pad`, with shares that ascend.
  std::function<void(double share)> pad_to = [](double) {};
};

/// What a mode measured on this rank.
struct ModeTelemetry {
  Histogram staleness_clocks, staleness_updates;  ///< empty: not measured
  std::uint64_t reads = 0, violations = 0;        ///< of the audit
  std::optional<std::uint64_t> dropped{};         ///< rounds of this rank that nobody applied; of modes that do so
  std::string remark;
};

/// A mode's part on one rank. One object a run. Its calls come from the thread that trains.
class RankDiscipline {
 public:
  virtual ~RankDiscipline() = default;
  /// Brings what the round reads, trains on it (by backend.run, or by gathering gradients), and publishes. `pad`: to be called
  /// once, where the local work is done and before it is published: sleeps as --pad and --straggler say.
  virtual void run(const RankRound& round, const std::function<void()>& pad) = 0;
  /// Brings into the parameters what a round does not: rows that it does not read, values that came since. Before a point is taken.
  virtual void refresh() {}
  /// Where the parameters lie with servers: keeps a copy of those of this rank, as they are. On the communication thread.
  virtual void mark_point(int point) { static_cast<void>(point); }
  /// The copies of all servers, packed. After finish().
  virtual void pull_point(int point, std::span<float> out) { static_cast<void>(point), static_cast<void>(out); }
  /// No more rounds on this rank; the others may go on.
  virtual void leave() {}
  /// After leave(), while others may still train: returns when nothing is under way, all ranks' parameters being final and equal.
  virtual void finish() = 0;
  virtual ModeTelemetry telemetry() const { return {}; }
  /// What it measured at the start of the run, and must not measure anew to go on: for a checkpoint.
  virtual std::map<std::string, std::string> notes() const { return {}; }
};

/// Whether ranks go through rounds in lockstep: then an epoch is one visit of each example, and every rank runs the same number
/// of rounds. Otherwise an epoch is counted in processed examples.
enum class Pace { lockstep, free };

/// What a mode declares of itself, and how to make it.
struct RankModeEntry {
  Pace pace = Pace::lockstep;
  bool serves = false;           ///< parameters lie with servers: points are taken by mark_point()
  bool replicas_differ = false;  ///< between rounds each rank has parameters of its own: a point is their mean
  std::unique_ptr<RankDiscipline> (*make)(const Setting&);
};

RankModeEntry bsp_mode();
RankModeEntry ssp_mode();
RankModeEntry async_mode();
RankModeEntry local_mode();
RankModeEntry gossip_mode();
RankModeEntry backup_mode();
RankModeEntry adpsgd_mode();
RankModeEntry pushsum_mode();
RankModeEntry rma_mode();

/// The one switch.
RankModeEntry entry_of(RankMode mode);

/// All weights of all tables, rows packed, without rule state: what snapshots, averages and gossip carry.
std::size_t packed_size(const Layout& layout);
void pack(const Parameters& parameters, std::span<float> out);
void unpack(std::span<const float> packed, Parameters& parameters);

}  // namespace sounder::mpi
