// What was measured of a run while it went on: how stale the updates were, what they met, and who waited.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <sounder/train/histogram.hpp>

namespace sounder {

/// A cache line of the parameters that many updates write, or a row of several lines (docs/modes.md, "What telemetry means").
struct HotLine {
  std::size_t table = 0;
  std::vector<std::uint32_t> features;  ///< original ids of its rows; empty: an intercept
  double share = 0;                     ///< of the examples whose step writes it, from a sample
  std::uint64_t conflicts = 0;          ///< rehearsed updates that met a change in it
  bool operator==(const HotLine&) const = default;
};

/// The part of one worker.
struct WorkerTelemetry {
  std::uint64_t examples = 0;
  double compute_seconds = 0;
  double wait_seconds = 0;   ///< for turns, locks and barriers, and for the slowest worker at the end of each round
  Histogram staleness;       ///< in updates
  std::uint64_t rehearsed = 0, conflicted = 0;  ///< updates
  std::uint64_t audited = 0;                    ///< writes to audit cells
};

/// All workers together.
struct Telemetry {
  bool on = false;
  std::vector<WorkerTelemetry> workers;
  Histogram staleness;  ///< updates that others applied between the read of one update and its write-back, sampled
  std::uint64_t rehearsed = 0, conflicted = 0;
  std::uint64_t audited = 0, kept = 0;  ///< writes to audit cells; what the cells hold in the end
  std::optional<std::uint64_t> gpu_updates;  ///< examples that a GPU stepped on; empty: none was at work
  std::vector<HotLine> hottest;         ///< by share, then those by conflicts that are not yet among them

  /// Adds the part of one more worker.
  void add(WorkerTelemetry part);

  std::uint64_t examples() const;
  double compute_seconds() const;  ///< summed over the workers
  double wait_seconds() const;
  /// Share of the updates that met a change in a cell between reading and writing; empty: none was sampled.
  std::optional<double> conflict_rate() const;
  /// Share of the writes that another worker's write overwrote, unseen: (expected - kept) / expected of the audit.
  std::optional<double> lost_rate() const;
};

}  // namespace sounder
