// Mode `snapshot`.
// Guarantee: a gradient reads one consistent version of all parameters; every update is applied to the newest version,
//   and none is lost.
// Staleness: the versions published while a private batch is gathered, about one of each other worker.
// Cost: no messages; a copy of all parameters for each private batch, and again for each lost race: for dense models.
//   Memory: 2 P + 1 versions.
// Blocks when: never (lock-free: a race is lost only to a worker that published). The persistence bound of the source,
//   after which an update is dropped, is left out: nothing is dropped.
// Fails how: on a large sparse model it copies far more than it computes.
// Source: Backstrom, Papatriantafilou, Tsigas, "Consistent lock-free parallel stochastic gradient descent for fast and
//   stable convergence" (Leashed-SGD), IPDPS 2021. Rows of a batch are scaled as in `batched`.
#include <cstring>

#include <sounder/params/touches.hpp>

#include "modes/mode.hpp"
#include "versions.hpp"

namespace sounder::shm {
namespace {

constexpr std::size_t kStandard = 16;  ///< examples of a worker

class Snapshot final : public Discipline {
 public:
  explicit Snapshot(const Setting& setting)
      : setting_(setting),
        batch_(private_batch(setting, kStandard)),
        scales_(batch_scales(setting.kernel, setting.data, static_cast<double>(batch_))),
        versions_(setting.parameters.memory().floats(), setting.workers) {
    for (int i = 0; i < setting.workers; ++i) gradients_.emplace_back(setting.kernel);
  }

  void begin(const Round&, ChunkQueue&) override {
    Versions::Version &base = versions_.acquire(), &next = versions_.claim();
    copy(setting_.parameters.memory(), next.memory);
    versions_.publish(base, next);
    versions_.release(base);
  }

  void work(int worker, const Round& round, ChunkQueue::Cursor& cursor) override {
    Gradient& gradient = gradients_[static_cast<std::size_t>(worker)];
    StepContext context = context_of(setting_, round, worker);
    Versions::Version* version = &versions_.acquire();
    context.cells = setting_.parameters.cells(version->memory.data());
    cursor.steps_on(context.cells);
    in_batches(gradient, context, setting_.data.examples(), batch_, cursor, [&] {
      versions_.release(*version);
      if (!gradient.rows().empty()) publish(gradient, context);
      gradient.clear();
      if (context.probe) context.probe->published();
      version = &versions_.acquire();
      context.cells = setting_.parameters.cells(version->memory.data());
      cursor.steps_on(context.cells);
    });
    versions_.release(*version);
  }

  void end(const Round&) override {
    Versions::Version& last = versions_.acquire();
    copy(last.memory, setting_.parameters.memory());
    versions_.release(last);
  }

 private:
  static void copy(const Memory& from, const Memory& to) { std::memcpy(to.data(), from.data(), to.floats() * sizeof(float)); }

  void publish(const Gradient& gradient, StepContext context) {
    Versions::Version& next = versions_.claim();
    context.cells = setting_.parameters.cells(next.memory.data());
    for (bool done = false; !done;) {
      Versions::Version& newest = versions_.acquire();
      copy(newest.memory, next.memory);
      gradient.apply(context, gradient.rows(), &scales_);
      done = versions_.publish(newest, next);
      versions_.release(newest);
    }
  }

  Setting setting_;
  std::size_t batch_;
  std::vector<std::vector<float>> scales_;
  Versions versions_;
  std::vector<Gradient> gradients_;
};

}  // namespace

ModeEntry snapshot_mode() {
  return {.memory = MemoryKind::heap,
          .one_worker = OneWorker::rounding,
          .needs_touches = true,
          .batches = true,
          .gathers = true,
          .make = [](const Setting& setting) -> std::unique_ptr<Discipline> { return std::make_unique<Snapshot>(setting); }};
}

}  // namespace sounder::shm
