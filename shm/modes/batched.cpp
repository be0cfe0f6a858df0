// Mode `batched`.
// Guarantee: as hogwild, at one write a batch of each cell: a cell holds a value that some worker wrote.
// Staleness: about one batch of each other worker, and the own batch; unbounded in theory.
// Cost: no messages; a cache line moves between cores once a batch instead of once an update; gathering and applying.
// Blocks when: never.
// Fails how: a row that all examples touch moves once a batch, by the mean: large batches are slow to converge.
// Source: Sallinen et al., "High performance parallel stochastic gradient descent in shared memory", IPDPS 2016
//   ("HogBatch"); rows are scaled after Defossez and Bach, "AdaBatch", 2017.
#include <sounder/params/touches.hpp>

#include "modes/mode.hpp"

namespace sounder::shm {
namespace {

constexpr std::size_t kStandard = 16;  ///< examples of a worker

class Batched final : public Discipline {
 public:
  explicit Batched(const Setting& setting)
      : setting_(setting),
        batch_(private_batch(setting, kStandard)),
        scales_(batch_scales(setting.kernel, setting.data, static_cast<double>(batch_))) {
    for (int i = 0; i < setting.workers; ++i) gradients_.emplace_back(setting.kernel);
  }

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    Gradient& gradient = gradients_[static_cast<std::size_t>(worker)];
    const StepContext context = context_of(setting_, round, worker);
    in_batches(gradient, context, setting_.data.examples(), batch_, cursor, [&] {
      gradient.apply(context, gradient.rows(), &scales_);
      gradient.clear();
      if (context.probe) context.probe->published();
    });
  }

 private:
  Setting setting_;
  std::size_t batch_;
  std::vector<std::vector<float>> scales_;
  std::vector<Gradient> gradients_;
};

}  // namespace

ModeEntry batched_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::rounding,
          .sums = Sums::lossy,
          .needs_touches = true,
          .batches = true,
          .gathers = true,
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> { return std::make_unique<Batched>(setting); }};
}

}  // namespace sounder::shm
