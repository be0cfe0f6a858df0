// Mode `serial`.
// Guarantee: sequential; every step sees all earlier ones.
// Staleness: none (the intercept: up to 16 examples, as in every mode).
// Cost: none.
// Blocks when: never.
// Fails how: not.
// Source: Robbins, Monro, 1951.
#include <utility>

#include <sounder/train/backend.hpp>

namespace sounder {
namespace {

class Serial final : public Backend {
 public:
  explicit Serial(std::unique_ptr<Team> team) : team_(std::move(team)) {}

  Team& team() override { return *team_; }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    kernel_ = &kernel;
    examples_ = data.examples();
    cells_ = parameters.cells();
  }

  void run(const Round& round, ChunkQueue& queue) override {
    // The kernel of hogwild: relaxed cells compile to the same moves as plain ones, without the surprises of
    // a compiler that vectorizes single floats (docs/adr/0002).
    const StepFunction step = kernel_->step_of(AccessKind::relaxed);
    const StepContext context{.cells = cells_, .rate = round.rate, .l1 = round.l1};
    team_->run([&](int) {
      ChunkQueue::Cursor cursor(queue);
      for (Range range; cursor.next(range);) step(kernel_->model.get(), context, examples_, range.begin, range.end);
    });
  }

 private:
  std::unique_ptr<Team> team_;
  const Kernel* kernel_ = nullptr;
  Examples examples_{};
  Cells cells_;
};

}  // namespace

std::unique_ptr<Backend> make_serial_backend(std::unique_ptr<Team> team) {
  return std::make_unique<Serial>(std::move(team));
}

}  // namespace sounder
