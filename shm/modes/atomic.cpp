// Mode `atomic`.
// Guarantee: no update is lost: each cell ends at the sum of all changes, up to rounding.
// Staleness: about one update of each other worker; unbounded in theory.
// Cost: no messages; one locked compare-and-swap a cell, in a loop while others write it.
// Blocks when: never (lock-free: some worker always goes on).
// Fails how: slow on dense rows, where it gives up vector width.
// Source: Niu et al., NIPS 2011, whose analysis assumes this form; "Atomic" of Hsieh et al., PASSCoDe, ICML 2015.
#include "modes/mode.hpp"

namespace sounder::shm {
namespace {

class AtomicMode final : public Discipline {
 public:
  explicit AtomicMode(const Setting& setting) : setting_(setting) {}

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    step_on_all(setting_, context_of(setting_, round, worker), AccessKind::atomic, cursor);
  }

 private:
  Setting setting_;
};

}  // namespace

ModeEntry atomic_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::rounding,
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> { return std::make_unique<AtomicMode>(setting); }};
}

}  // namespace sounder::shm
