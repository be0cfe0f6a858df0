// fit on several ranks: the same models, the same disciplines inside each rank, any mode between them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sounder/mpi/data.hpp>
#include <sounder/mpi/options.hpp>
#include <sounder/mpi/trace.hpp>
#include <sounder/mpi/world.hpp>
#include <sounder/train/fit.hpp>
#include <sounder/train/histogram.hpp>

namespace sounder::mpi {

/// What to train on.
struct Problem {
  const Kernel& kernel;                ///< made from train.data
  const SharedSet& train;
  const SharedSet* test = nullptr;     ///< evaluated at every point
  const SavedModel* start = nullptr;   ///< parameters to go on from; the same on all ranks
  const Checkpoint* resume = nullptr;  ///< a run to go on with, instead of `start`; the same on all ranks
  std::map<std::string, std::string> facts{};  ///< flags of the model that a checkpoint must agree on
};

/// What one rank did.
struct RankReport {
  std::string host;
  std::uint64_t examples = 0, rounds = 0;  ///< processed; the rank's clock at the end
  double compute_seconds = 0;              ///< in its own rounds, without --pad
  double wait_seconds = 0;                 ///< its training thread, for others
  double publish_seconds = 0;              ///< of compute_seconds, behind the pad
  double compute_deviation = 0;            ///< of the seconds of an example, from round to round, in parts of their mean
  double pad_seconds = 0;                  ///< asleep, by --pad and --straggler
  double communication_seconds = 0;        ///< its communication thread, busy; not what threads did of its work that waited
  std::uint64_t bytes_sent = 0, messages_sent = 0;
  std::vector<std::uint64_t> bytes_to;     ///< by receiving rank
  std::vector<double> waited_for;          ///< seconds, by rank
};

/// How far the ranks are. Any thread of rank 0 may ask while fit runs.
struct RankProgress {
  std::uint64_t examples = 0, all_examples = 0;  ///< processed; asked for in all epochs
  int slowest = 0, fastest = 0;                  ///< ranks
  std::uint64_t slowest_clock = 0, fastest_clock = 0;
};

class RankObserver {
 public:
  virtual ~RankObserver() = default;
  /// On rank 0, from the communication thread or one that does its work, whenever a rank has completed a round: must be fast, and not throw.
  virtual void on_progress(const RankProgress&) {}
  /// On rank 0, from the thread that trains: a checkpoint could not be written; training goes on. Said once, until one can be written again.
  virtual void on_checkpoint_lost(const std::string& error) { static_cast<void>(error); }
};

/// Equal on all ranks: parameters, digest, curve, stopped. The rest is filled on rank 0 alone.
struct Result {
  sounder::Result run;                ///< its curve: a point an epoch, see Point; telemetry: of all workers of all ranks
  std::vector<RankReport> ranks;
  Histogram staleness_clocks;         ///< of every read, in modes that have clocks
  Histogram staleness_updates;        ///< rounds by others between a read and the write that depends on it
  std::optional<std::uint64_t> dropped_updates;  ///< rounds that were trained and not applied, in modes that do so
  std::optional<std::uint64_t> audit_reads, audit_violations;  ///< with Options::audit
  std::optional<double> test_auc;     ///< of Problem::test at the end, for two classes: see auc()
  std::vector<RankTrace> trace;       ///< with Options::trace_spans, on rank 0
  std::string remark;
};

/// Throws the Error that fit would throw of Options::checkpoint and Problem::resume; for callers that open files before they call it.
void check_resume(World& world, const Problem& problem, const sounder::Options& options, const Options& between);

/// Trains. Called by all ranks of `world` with the same problem and options (checked: a difference is an Error that names it) and each
/// with a backend of its own. Throws Error on bad input and RankLost (mpi/endpoint.hpp), a kind of Error, where a rank is missing; a run
/// that diverges is a Result.
///
/// Points are snapshots that are taken when so many examples were processed, without stopping anyone, and evaluated after the run. An
/// epoch is one visit of each example in bsp and local; elsewhere it is as many processed examples as there are, whoever processed them.
/// --target-loss therefore does not end a run: target_seconds is the time of the first point at or below it.
///
/// Options::checkpoint: rank 0 writes one after every Options::every epochs, for which the points so far are evaluated, outside of the
/// training clock, and at the end. In bsp (but not by servers), and in local where an epoch ends with an average. Any number of ranks may
/// go on with it; in deterministic bsp to the same bits.
Result fit(World& world, const Problem& problem, const sounder::Options& options, const Options& between, Backend& backend,
           RankObserver& observer);

}  // namespace sounder::mpi
