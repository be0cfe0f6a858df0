// What a discipline is: one file of this folder, named as its flag. `hogwild.cpp` is the reference.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sounder/options.hpp>
#include <sounder/params/gradient.hpp>
#include <sounder/train/backend.hpp>
#include <sounder/train/probe.hpp>

namespace sounder::shm {

/// What a mode has at hand for a whole run.
struct Setting {
  const Kernel& kernel;
  const Dataset& data;
  Parameters& parameters;
  const Options& options;
  int workers;
  Probes* telemetry = nullptr;  ///< null: off
};

/// What measures a worker, if anything does.
inline Probe* probe_of(const Setting& setting, int worker) { return setting.telemetry ? &setting.telemetry->of(worker) : nullptr; }

/// The work of each worker in a round. One object a run; what it keeps across rounds are its members.
class Discipline {
 public:
  virtual ~Discipline() = default;
  /// Before a round, on the caller's thread, no worker running. A mode with an order of its own takes all chunks here.
  virtual void begin(const Round&, ChunkQueue&) {}
  /// Steps on every chunk that `cursor` yields. Called by each worker of the team once a round. When the last
  /// one returns, the shared parameters hold all updates of the round.
  virtual void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) = 0;
  /// After a round, on the caller's thread, no worker running.
  virtual void end(const Round&) {}
  /// How often an epoch visits each example.
  virtual int visits() const { return 1; }
  /// Which way it took, where it has a choice.
  virtual std::string remark() const { return ""; }
};

// What a mode declares of itself. Each is held by a law in the tests (tests/shm), which read it here.

/// What one worker equals after a run over the same order, at --batch 1 where the mode has batches.
enum class OneWorker {
  exact,     ///< the bits of serial
  rounding,  ///< serial up to rounding
  order,     ///< serial's steps, but in an order of its own
};

/// What a cell ends at where several workers move it, at --batch 1 where the mode has batches.
enum class Sums {
  exact,     ///< the sum of all movements
  lossy,     ///< less: movements may be lost
  averaged,  ///< the mean over the workers of what each alone would leave
};

/// On which data a mode ends where serial ends, so that only speed decides: what `auto` chooses from.
enum class Advisable { no, on_ratings, always };

/// A mode: what it declares, and how to make it.
struct ModeEntry {
  MemoryKind memory = MemoryKind::heap;
  OneWorker one_worker = OneWorker::exact;
  Advisable advisable = Advisable::no;
  Sums sums = Sums::exact;
  bool needs_touches = false;  ///< refuses a model without touches()
  bool batches = false;        ///< obeys --batch, which need not be among `flags`
  bool gathers = false;        ///< gradients reach the parameters later: its writes are not audited
  bool adds_states = false;    ///< merges copies by the sum of their movements: refuses rules whose state is no such sum
  bool together = false;       ///< workers wait for each other inside a round, so a team must run them at the same time
  std::vector<std::string_view> flags = {};  ///< those that it obeys, of the flags that not all modes do
  std::unique_ptr<Discipline> (*make)(const Setting&);
};

ModeEntry hogwild_mode();
ModeEntry atomic_mode();
ModeEntry locked_mode();
ModeEntry cached_mode();
ModeEntry batched_mode();
ModeEntry roundrobin_mode();
ModeEntry averaged_mode();
ModeEntry replicated_mode();
ModeEntry snapshot_mode();
ModeEntry conflictfree_mode();

/// The one switch. Not for Mode::serial, which needs no team.
ModeEntry entry_of(Mode mode);

/// A step on the shared parameters in this round.
inline StepContext context_of(const Setting& setting, const Round& round, int worker) {
  return {.cells = setting.parameters.cells(), .rate = round.rate, .l1 = round.l1, .probe = probe_of(setting, worker)};
}

/// The examples of a worker's own part of a batch: --batch is over all workers.
inline std::size_t private_batch(const Setting& setting, std::size_t standard) {
  if (!setting.options.batch) return standard;
  const auto workers = static_cast<std::size_t>(setting.workers);
  if (*setting.options.batch == Options::kAll) return std::max<std::size_t>(1, (setting.data.size() + workers - 1) / workers);
  return std::max<std::size_t>(1, *setting.options.batch / workers);
}

/// The loop of every mode that does nothing between chunks.
inline void step_on_all(const Setting& setting, const StepContext& context, AccessKind access, ChunkQueue::Cursor& cursor) {
  const StepFunction step = setting.kernel.step_of(access);
  const Examples examples = setting.data.examples();
  cursor.steps_on(context.cells);
  for (Range range; cursor.next(range);) step(setting.kernel.model.get(), context, examples, range.begin, range.end);
}

/// The loop of a mode that does something after every `piece` of a worker's examples.
template <class F>
void in_pieces(const Setting& setting, const StepContext& context, std::size_t piece, ChunkQueue::Cursor& cursor, F tick) {
  const StepFunction step = setting.kernel.step_of(AccessKind::relaxed);
  const Examples examples = setting.data.examples();
  cursor.steps_on(context.cells);
  std::size_t left = piece;  // until the next tick; a piece may be longer than a chunk
  for (Range range; cursor.next(range);)
    for (std::size_t i = range.begin; i < range.end;) {
      const std::size_t stop = std::min(range.end, i + left);
      step(setting.kernel.model.get(), context, examples, i, stop);
      left -= stop - i;
      i = stop;
      if (left != 0) continue;
      tick();
      left = piece;
    }
}

/// The loop of a mode with private batches: collects `batch` examples at the parameters as they are, then publish().
template <class F>
void in_batches(Gradient& gradient, const StepContext& context, const Examples& examples, std::size_t batch,
                ChunkQueue::Cursor& cursor, F publish) {
  std::size_t left = batch;
  for (Range range; cursor.next(range);)
    for (std::size_t i = range.begin; i < range.end;) {
      const std::size_t stop = std::min(range.end, i + left);
      gradient.collect(context, examples, i, stop);
      left -= stop - i;
      i = stop;
      if (i == range.end && range.size() % View<Gather>::kThinning != 0) gradient.close_intercept();  // as serial does
      if (left != 0) continue;
      publish();
      left = batch;
    }
  gradient.close_intercept();
  publish();
}

}  // namespace sounder::shm
