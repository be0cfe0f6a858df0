// Trains on ranks that are threads of this process: what tests of whole runs share.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <sounder/mpi/fit.hpp>
#include <sounder/shm/backend.hpp>

#include "support.hpp"

namespace sounder::test {

/// A run to be made.
struct RankRun {
  int ranks = 2;
  // ThreadSanitizer would watch the parser for minutes.
  std::string data = kThreadSanitizer ? "synthetic:dense,examples=640,features=200" : "builtin:spam,part=train";
  LoadOptions load = kThreadSanitizer ? LoadOptions{} : LoadOptions{.transform = TransformName::log1p, .normalize = NormalizeName::l2};
  ModelOptions model{.l2 = 1e-3};
  Options options{};           ///< mode: inside of each rank
  mpi::Options between{};
  std::function<void(int rank, Options&, mpi::Options&)> differ{};  ///< what one rank is given otherwise
  const Checkpoint* resume = nullptr;
  std::function<void(const mpi::RankProgress&)> on_progress{};      ///< on rank 0
};

class Watching final : public mpi::RankObserver {
 public:
  explicit Watching(const RankRun& run) : run_(run) {}
  void on_progress(const mpi::RankProgress& progress) override {
    if (run_.on_progress) run_.on_progress(progress);
  }

 private:
  const RankRun& run_;
};

/// Of rank 0; `every` is called with each rank's.
inline mpi::Result train(const RankRun& run, const std::function<void(int, const mpi::Result&)>& every = {}) {
  mpi::Result first;
  std::mutex mutex;
  mpi::World::run_inproc(
      run.ranks,
      [&](mpi::World& world) {
        Options options = run.options;
        mpi::Options between = run.between;
        if (run.differ) run.differ(world.rank(), options, between);
        LoadOptions load = run.load;
        load.format = format_of(run.model.model);
        const int workers = world.size() - between.dedicated_servers;
        const auto extra = run.resume ? run.resume->ids_by_space(load.format == Format::ratings ? 2 : 1) : std::vector<std::vector<std::uint32_t>>{};
        const mpi::SharedSet set = mpi::load_train(world, workers, run.data, load, between.partition, options.seed, extra);
        const Kernel kernel = builtin_kernel(run.model, set.data, options.rule);
        Options inside = options;
        inside.batch.reset();
        const auto backend = shm::make_backend(inside);
        Watching observer(run);
        mpi::Result result = mpi::fit(world, {.kernel = kernel, .train = set, .resume = run.resume}, options, between, *backend, observer);
        const std::lock_guard lock(mutex);
        if (every) every(world.rank(), result);
        if (world.rank() == 0) first = std::move(result);
      },
      run.between.deadline_seconds);
  return first;
}

/// The loss of one process, serial, after the same epochs.
inline double serial_loss(const RankRun& run) {
  LoadOptions load = run.load;
  load.format = format_of(run.model.model);
  const Dataset data = Dataset::train(sounder::load(run.data, load), run.options.seed);
  const Kernel kernel = builtin_kernel(run.model, data, run.options.rule);
  Options options = run.options;
  options.mode = Mode::serial;
  options.batch.reset();
  const auto backend = shm::make_backend(options);
  return fit({.kernel = kernel, .train = data}, options, *backend).curve.back().train_loss;
}

}  // namespace sounder::test
