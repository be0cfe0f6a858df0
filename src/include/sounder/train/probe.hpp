// Measures what happens to updates while workers train, without a kernel of its own (docs/adr/0008).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/train/team.hpp>
#include <sounder/train/telemetry.hpp>

namespace sounder {

class Probes;

/// What one worker of a run measures. Every call of a step function with `StepContext::probe` set goes through run().
///
/// Most pieces run as they are, and are only counted. Now and then worker 0 opens a *window*, and all workers run
/// their next 128 examples or so watched, one by one:
///   staleness  updates that others applied from before the step of an example to behind it, of each 8th
///   conflicts  a rehearsal before the step: its rows are read, the loss is evaluated for as long as an update would
///              take, and the rows are read again; a difference is a change that the update would have met
///   audit      a step also adds 1 to audit cells of its own rows, one row in four, through the access of the mode
class alignas(2 * kCacheLine) Probe {  // two lines: neighbours are prefetched in pairs
 public:
  Probe(Probes& all, int worker) : all_(all), worker_(worker) {}
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Steps on [begin, end) by `function`, which is one of access `kind`.
  void run(StepFunction::Pointer function, AccessKind kind, const void* model, const StepContext& context,
           const Examples& examples, std::size_t begin, std::size_t end);

  /// For modes that step on copies: in table t, the first floats[t] floats are the worker's own, and reach the others
  /// by published(). The audit counts writes to them as kept: nobody else writes there.
  void own(const std::vector<std::size_t>& floats) { std::copy(floats.begin(), floats.end(), own_floats_.begin()); }
  /// For such modes: what this worker's copy holds is shared now, and it holds what the others have shared. Staleness
  /// then is that of the copy: updates by others from one call to the next, sampled.
  void published();
  const Histogram& staleness() const { return part_.staleness; }
  /// See shm/wait.hpp. Not for the wait at the end of a round, which is measured for every mode.
  void waited(double seconds) { waited_ += seconds; }

  // Called by the kernel around each example of a window, inside of the locks of the step if it takes any.
  void before(std::size_t example);
  void after();

 private:
  friend class Probes;

  /// A write to an audit cell, begun by reading it where a model reads that kind of row: wide ones ahead of the step.
  struct Audit {
    float* cell;
    float old;
    bool wide;
  };

  void begin_audit();
  void end_audit();
  void rehearse(std::size_t example);
  bool sees_window();
  std::uint64_t updates_of_others() const;

  // Written by: its worker, after each example of a window, else after each piece. Read by: the other workers when they
  // sample. Order: relaxed; a count carries nothing with it, and one that is late by a moment is still a count.
  std::atomic<std::uint64_t> updates_{0};

  // All that follows. Written by: its worker. Read by: it, and by the caller of the team after a round, whose end
  // orders it. Nobody else comes near, also not in the same cache lines.
  alignas(2 * kCacheLine) Probes& all_;
  int worker_;
  std::array<std::size_t, kMaxTables> own_floats_{};
  WorkerTelemetry part_;
  std::uint64_t own_kept_ = 0;  ///< audited writes to own copies
  std::unordered_map<std::size_t, std::uint64_t> conflicts_;  ///< by cache line of the parameters
  double waited_ = 0;        ///< in this round
  double worked_ = 0;        ///< seconds in the mode's work, in this round
  std::uint64_t next_window_ = 0, next_period_ = 0;  ///< in own examples
  std::uint32_t window_ = 0;                         ///< its number, odd while one is open
  std::size_t left_ = 0;                             ///< examples until this worker leaves the window
  const StepContext* context_ = nullptr;             ///< of the call that is being watched
  const Examples* examples_ = nullptr;
  AccessKind kind_ = AccessKind::relaxed;
  std::uint64_t watched_ = 0;
  bool noted_ = false, period_noted_ = false, periodic_ = false;
  std::uint64_t note_ = 0, period_note_ = 0;  ///< updates of the others by then
  std::vector<RowId> rows_;
  std::vector<Audit> audits_;
  std::vector<float> seen_;
};

/// The probes of a run.
class Probes {
 public:
  /// Kernel and data must outlive it.
  Probes(const Kernel& kernel, const Dataset& data, int workers);

  Probe& of(int worker) { return *probes_[static_cast<std::size_t>(worker)]; }
  /// Runs a round on a team, and times each worker.
  void run(Team& team, const std::function<void(int worker)>& work);
  /// Between rounds.
  Telemetry telemetry() const;

 private:
  friend class Probe;

  /// Where the rows of a table lie among the parameters, and among the audit cells.
  struct Place {
    std::size_t offset = 0, stride = 1, width = 1;  ///< in floats
    std::size_t first = 0;                          ///< audit cell
    std::uint32_t mask = 0;
  };
  void harvest();

  const Kernel& kernel_;
  const Dataset& data_;
  std::vector<std::unique_ptr<Probe>> probes_;
  std::array<Place, kMaxTables> places_{};
  /// Whole numbers below 2^24, so that float sums are exact. Shared cells like those of the parameters, written by the
  /// same access: see shared_cell.hpp.
  std::vector<float> audit_;
  std::uint64_t kept_ = 0, harvested_ = 0;  ///< of the audit cells that were emptied; writes to them
  // Written by: worker 0. Read by: all workers, once a piece and once in 16 examples of a window. Order: relaxed; only its
  // value matters: who sees it late comes late. A line of its own: it is written twice a window.
  alignas(2 * kCacheLine) std::atomic<std::uint32_t> window_{0};
};

/// Runs a round, measured if there are probes.
inline void run_round(Team& team, Probes* probes, const std::function<void(int worker)>& work) {
  if (probes)
    probes->run(team, work);
  else
    team.run(work);
}

}  // namespace sounder
