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
#include <bit>

#include "modes/mode.hpp"
#include "window.hpp"

namespace sounder::shm {
namespace {

/// More workers move a row more often between two merges of one of them: shorten the period.
int default_updates(int workers) { return std::clamp(64 / workers, 2, 16); }

class Cached final : public Discipline {
 public:
  explicit Cached(const Setting& setting)
      : setting_(setting), plan_(setting.kernel, setting.data, options_of(setting)), locks_(plan_.blocks.size()) {
    if (setting.workers == 1 || plan_.blocks.empty()) return;  // nothing to share: hogwild on the parameters themselves
    for (int i = 0; i < setting.workers; ++i) windows_.push_back(std::make_unique<Window>(plan_, locks_, setting.parameters));
  }

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    if (windows_.empty())
      return step_on_all(setting_, context_of(setting_, round), AccessKind::relaxed, cursor);

    Window& window = *windows_[static_cast<std::size_t>(worker)];
    window.refresh();
    StepContext context = context_of(setting_, round);
    context.cells = setting_.parameters.cells(window.data());
    in_pieces(setting_, context, static_cast<std::size_t>(plan_.piece), cursor, [&] { window.tick(); });
    window.settle();
  }

 private:
  static HotRowsOptions options_of(const Setting& setting) {
    HotRowsOptions options;
    options.updates = static_cast<int>(std::bit_floor(static_cast<unsigned>(setting.options.flush.value_or(default_updates(setting.workers)))));
    if (setting.options.hot_rows) options.most_rows = *setting.options.hot_rows;
    return options;
  }

  Setting setting_;
  HotRows plan_;
  BlockLocks locks_;
  std::vector<std::unique_ptr<Window>> windows_;
};

}  // namespace

ModeEntry cached_mode() {
  return {.memory = MemoryKind::shareable,
          .one_worker = OneWorker::exact,
          .adds_states = true,
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> { return std::make_unique<Cached>(setting); }};
}

}  // namespace sounder::shm
