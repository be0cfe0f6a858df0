// What a discipline is: one file of this folder, named as its flag. `hogwild.cpp` is the reference.
#pragma once

#include <memory>

#include <sounder/options.hpp>
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
};

/// What one worker of a mode equals after a run over the same order: held by a law in the tests.
enum class OneWorker {
  exact,     ///< the bits of serial
  rounding,  ///< serial up to rounding
};

/// A mode: what it declares, and how to make it.
struct ModeEntry {
  MemoryKind memory = MemoryKind::heap;
  OneWorker one_worker = OneWorker::exact;
  bool advisable = false; ///< ends where serial ends on every kind of data, so that only speed decides
  bool together = false;  ///< workers wait for each other inside a round, so a team must run them at the same time
  std::unique_ptr<Discipline> (*make)(const Setting&);
};

ModeEntry hogwild_mode();
ModeEntry atomic_mode();
ModeEntry locked_mode();
ModeEntry cached_mode();

/// The one switch. Not for Mode::serial, which needs no team.
ModeEntry entry_of(Mode mode);

/// A step on the shared parameters in this round.
inline StepContext context_of(const Setting& setting, const Round& round, int worker) {
  return {.cells = setting.parameters.cells(), .rate = round.rate, .l1 = round.l1, .probe = probe_of(setting, worker)};
}

/// The loop of every mode that does nothing between chunks.
inline void step_on_all(const Setting& setting, const StepContext& context, AccessKind access, ChunkQueue::Cursor& cursor) {
  const StepFunction step = setting.kernel.step_of(access);
  const Examples examples = setting.data.examples();
  cursor.steps_on(context.cells);
  for (Range range; cursor.next(range);) step(setting.kernel.model.get(), context, examples, range.begin, range.end);
}

}  // namespace sounder::shm
