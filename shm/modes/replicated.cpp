// Mode `replicated`.
// Guarantee: with `--replica core` no update is lost (a replica a worker, merged by the guarded sum under a lock per
//   block of 64 floats). The workers of a NUMA node share one as in hogwild, and may lose updates while it is merged.
// Staleness: about `--merge-every` examples on each other replica.
// Cost: no messages; a copy of the parameters a replica; each merge reads and writes all of it.
// Blocks when: at the end of a round, for the merge of the same block by another worker.
// Fails how: long periods slow convergence; short ones cost the merging of a large model.
// Source: Zhang and Re, "DimmWitted", VLDB 2014 (PerCore, PerNode, PerMachine), which averages without a lock; Zhang,
//   Hsieh, Akella, "HogWild++", ICDM 2016, which exchanges movements as here.
#include <mutex>

#include <sounder/shm/topology.hpp>

#include "modes/mode.hpp"
#include "teams/team.hpp"
#include "window.hpp"

namespace sounder::shm {
namespace {

constexpr int kStandard = 512;  ///< examples of a replica between two merges

/// Copies of all rows, hot or not.
HotRowsOptions every_row(const Options& options) {
  const int period = options.merge_every.value_or(kStandard);
  return {.updates = period, .most_rows = std::size_t{1} << 40, .longest_period = period, .least_touches = 0};
}

/// The parameters as some workers see them.
struct alignas(2 * kCacheLine) Replica {
  std::mutex door;                 ///< guards all fields
  std::unique_ptr<Window> window;  ///< made by the first worker that comes in: its memory lies on that worker's node
  std::size_t workers = 0, came = 0, left = 0;
};

class Replicated final : public Discipline {
 public:
  explicit Replicated(const Setting& setting)
      : setting_(setting),
        plan_(setting.kernel, setting.data, every_row(setting.options)),
        locks_(plan_.blocks.size()) {
    if (setting.workers == 1 || setting.options.replica == ReplicaName::machine) return;  // hogwild
    const auto nodes = numa_nodes();
    const Placement placement = place(setting.workers, setting.options.pin);
    for (int worker = 0; worker < setting.workers; ++worker) {
      const bool own = setting.options.replica == ReplicaName::core;
      const std::size_t replica = own ? static_cast<std::size_t>(worker) : node_of(placement, worker, nodes);
      while (replicas_.size() <= replica) replicas_.push_back(std::make_unique<Replica>());
      ++replicas_[replica]->workers;
      mine_.push_back(replicas_[replica].get());
    }
    for (int worker = 0; worker < setting.workers; ++worker)
      if (Probe* const probe = probe_of(setting, worker); probe && mine_[static_cast<std::size_t>(worker)]->workers == 1)
        probe->own(plan_.head_floats);
  }

  void begin(const Round&, ChunkQueue&) override {
    for (const auto& replica : replicas_) replica->came = replica->left = 0;
  }

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    StepContext context = context_of(setting_, round, worker);
    if (mine_.empty()) return step_on_all(setting_, context, AccessKind::relaxed, cursor);
    Replica& replica = *mine_[static_cast<std::size_t>(worker)];
    enter(replica);
    context.cells = setting_.parameters.cells(replica.window->data());
    in_pieces(setting_, context, static_cast<std::size_t>(plan_.piece) * replica.workers, cursor, [&] {
      const std::unique_lock lock(replica.door, std::try_to_lock);
      if (lock) replica.window->tick();  // else another of its workers is at it
      if (lock && context.probe) context.probe->published();
    });
    const std::lock_guard lock(replica.door);
    if (++replica.left == replica.workers) replica.window->settle(context.probe);
  }

 private:
  void enter(Replica& replica) {
    const std::lock_guard lock(replica.door);
    if (!replica.window) replica.window = std::make_unique<Window>(plan_, locks_, setting_.parameters);
    if (replica.came++ == 0) replica.window->refresh();
  }

  Setting setting_;
  HotRows plan_;
  BlockLocks locks_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::vector<Replica*> mine_;  ///< of each worker
};

}  // namespace

ModeEntry replicated_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::exact,
          .adds_states = true,
          .flags = {"--replica", "--merge-every"},
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> {
            return std::make_unique<Replicated>(setting);
          }};
}

}  // namespace sounder::shm
