// Mode `locked`.
// Guarantee: every step is isolated: the run equals its steps in some serial order (two-phase locking). The
//   paper's AIG locks the same rows, but only around the write loop. The intercept is read before the locks.
// Staleness: none (the intercept: up to 16 examples of each worker).
// Cost: no messages; two writes to a lock for each row of an example, and the waiting.
// Blocks when: another worker holds a row of the example. Locks are taken in ascending order: no deadlock.
// Fails how: where every example holds the same row it is serial, at a multiple of serial's cost.
// Source: Niu et al., NIPS 2011, section 4 ("AIG").
#include "modes/mode.hpp"

namespace sounder::shm {
namespace {

class LockedMode final : public Discipline {
 public:
  explicit LockedMode(const Setting& setting) : setting_(setting), locks_(setting.kernel.layout) {}

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    double waited = 0;
    RowLocks::Held held(locks_, setting_.telemetry ? &waited : nullptr);
    StepContext context = context_of(setting_, round, worker);
    context.held = &held;
    step_on_all(setting_, context, AccessKind::relaxed, cursor);
    if (context.probe) context.probe->waited(waited);
  }

 private:
  Setting setting_;
  RowLocks locks_;
};

}  // namespace

ModeEntry locked_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::exact,
          .needs_touches = true,
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> { return std::make_unique<LockedMode>(setting); }};
}

}  // namespace sounder::shm
