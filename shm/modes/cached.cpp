// Mode `cached`.
// Guarantee: no update of a hot row is lost (private copies, merged by the guarded sum under a lock per block of
//   64 floats); cold rows as in hogwild.
// Staleness: hot rows: about `--flush` own updates of the row on each other worker; cold rows as in hogwild.
// Cost: no messages; a hot line moves between cores once a merge instead of once an update.
// Blocks when: at the end of a round, for the merge of the same block by another worker.
// Fails how: a long flush period on rows that are in every example slows convergence (the guard keeps it stable).
// Source: the answer to Zipf heads (section 8 of Niu et al. 2011 thins such a row; Sallinen et al., IPDPS 2016, and
//   Ioannou et al., NeurIPS 2019, batch or replicate all rows). Guarded sum: docs/modes.md.
#include <algorithm>

#include "modes/mode.hpp"
#include "window.hpp"

namespace sounder::shm {
namespace {

class Cached final : public Discipline {
 public:
  explicit Cached(const Setting& setting)
      : setting_(setting), plan_(setting.kernel, setting.data, hot_rows_options(setting.options, setting.workers)), locks_(plan_.blocks.size()) {
    if (setting.workers == 1 || plan_.blocks.empty()) return;  // nothing to share: hogwild on the parameters themselves
    for (int i = 0; i < setting.workers; ++i) {
      windows_.push_back(std::make_unique<Window>(plan_, locks_, setting.parameters));
      if (Probe* const probe = probe_of(setting, i)) probe->own(plan_.head_floats);
    }
  }

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    if (windows_.empty())
      return step_on_all(setting_, context_of(setting_, round, worker), AccessKind::relaxed, cursor);

    Window& window = *windows_[static_cast<std::size_t>(worker)];
    window.refresh();
    StepContext context = context_of(setting_, round, worker);
    context.cells = setting_.parameters.cells(window.data());
    in_pieces(setting_, context, static_cast<std::size_t>(plan_.piece), cursor, [&] {
      window.tick();
      if (context.probe) context.probe->published();
    });
    window.settle(context.probe);
    if (context.probe) context.probe->published();
  }

 private:
  Setting setting_;
  HotRows plan_;
  BlockLocks locks_;
  std::vector<std::unique_ptr<Window>> windows_;
};

}  // namespace

ModeEntry cached_mode() {
  return {.memory = MemoryKind::shareable,
          .one_worker = OneWorker::exact,
          .advisable = Advisable::always,
          .adds_states = true,
          .flags = {"--hot-rows", "--flush"},
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> { return std::make_unique<Cached>(setting); }};
}

}  // namespace sounder::shm
