#include <sounder/shm/backend.hpp>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/train/probe.hpp>

#include "modes/mode.hpp"
#include "teams/team.hpp"

namespace sounder::shm {

ModeEntry entry_of(Mode mode) {
  switch (mode) {
    case Mode::serial: break;
    case Mode::hogwild: return hogwild_mode();
    case Mode::atomic: return atomic_mode();
    case Mode::locked: return locked_mode();
    case Mode::cached: return cached_mode();
  }
  return hogwild_mode();
}

namespace {

class ShmBackend final : public Backend {
 public:
  explicit ShmBackend(const Options& options)
      : options_(options), entry_(entry_of(options.mode)), team_(make_team(options.team, options.threads, options.pin)) {
    if (entry_.together && options.team != TeamName::threads)
      throw Error(fmt::format("--mode {} needs workers that surely run at the same time: give --team threads, not {}",
                              name_of(kModes, options.mode), name_of(kTeams, options.team)));
  }

  Team& team() override { return *team_; }
  MemoryKind memory() const override { return entry_.memory; }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    probes_ = options_.telemetry == TelemetryName::off ? nullptr : std::make_unique<Probes>(kernel, data, options_.threads);
    discipline_ = entry_.make({kernel, data, parameters, options_, options_.threads, probes_.get()});
  }

  void run(const Round& round, ChunkQueue& queue) override {
    discipline_->begin(round, queue);
    run_round(*team_, probes_.get(), [&](int worker) {
      ChunkQueue::Cursor cursor(queue);
      discipline_->work(worker, round, cursor);
    });
    discipline_->end(round);
  }
  int visits() const override { return discipline_->visits(); }
  Telemetry telemetry() const override { return probes_ ? probes_->telemetry() : Telemetry{}; }

 private:
  const Options options_;
  ModeEntry entry_;
  std::unique_ptr<Team> team_;
  std::unique_ptr<Probes> probes_;
  std::unique_ptr<Discipline> discipline_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(const Options& options) {
  options.validate();
  // Placed like the first worker of any other mode, so that they compare on the same core.
  if (options.mode == Mode::serial) return make_serial_backend(make_team(TeamName::threads, 1, options.pin), options.telemetry);
  return std::make_unique<ShmBackend>(options);
}

}  // namespace sounder::shm
