// Mode `serial`.
// Guarantee: sequential; every step sees all earlier ones.
// Staleness: none (the intercept: up to 16 examples, as in every mode).
// Cost: none.
// Blocks when: never.
// Fails how: not.
// Source: Robbins, Monro, 1951.
#include <utility>

#include <sounder/train/backend.hpp>
#include <sounder/train/probe.hpp>

namespace sounder {
namespace {

class Serial final : public Backend {
 public:
  Serial(std::unique_ptr<Team> team, bool measured) : team_(std::move(team)), measured_(measured) {}

  Team& team() override { return *team_; }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    kernel_ = &kernel;
    examples_ = data.examples();
    cells_ = parameters.cells();
    if (measured_) probes_ = std::make_unique<Probes>(kernel, data, 1);
  }

  void run(const Round& round, ChunkQueue& queue) override {
    // The kernel of hogwild: relaxed cells compile to the same moves as plain ones, without the surprises of
    // a compiler that vectorizes single floats (docs/adr/0002).
    const StepFunction step = kernel_->step_of(AccessKind::relaxed);
    const StepContext context{.cells = cells_, .rate = round.rate, .l1 = round.l1, .probe = probes_ ? &probes_->of(0) : nullptr};
    run_round(*team_, probes_.get(), [&](int) {
      ChunkQueue::Cursor cursor(queue);
      for (Range range; cursor.next(range);) step(kernel_->model.get(), context, examples_, range.begin, range.end);
    });
  }
  Telemetry telemetry() const override { return probes_ ? probes_->telemetry() : Telemetry{}; }

 private:
  std::unique_ptr<Team> team_;
  bool measured_;
  std::unique_ptr<Probes> probes_;
  const Kernel* kernel_ = nullptr;
  Examples examples_{};
  Cells cells_;
};

}  // namespace

std::unique_ptr<Backend> make_serial_backend(std::unique_ptr<Team> team, TelemetryName telemetry) {
  return std::make_unique<Serial>(std::move(team), telemetry != TelemetryName::off);
}

}  // namespace sounder
