// Mode `hogwild`.
// Guarantee: every cell holds a value that some worker wrote; an update may overwrite another (be lost).
// Staleness: about one update of each other worker; unbounded in theory.
// Cost: no messages; a cache line moves between cores whenever two workers touch it, which rules on hot rows.
// Blocks when: never.
// Fails how: loses updates of hot cells; at large steps and many workers it diverges where serial does not.
// Source: Niu, Recht, Re, Wright, "Hogwild!", NIPS 2011.
#include "modes/mode.hpp"

namespace sounder::shm {
namespace {

class Hogwild final : public Discipline {
 public:
  explicit Hogwild(const Setting& setting) : setting_(setting) {}

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    step_on_all(setting_, context_of(setting_, round, worker), AccessKind::relaxed, cursor);
  }

 private:
  Setting setting_;
};

}  // namespace

ModeEntry hogwild_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::exact,
          .advisable = Advisable::always,
          .sums = Sums::lossy,
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> { return std::make_unique<Hogwild>(setting); }};
}

}  // namespace sounder::shm
