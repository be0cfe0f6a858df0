#include <sounder/train/step_race.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include <sounder/error.hpp>
#include <sounder/train/backend.hpp>

namespace sounder {
namespace {

constexpr std::size_t kFirstHeat = 10'000, kSecondHeat = 1'000'000;  ///< most examples
constexpr int kDoublings = 5;  ///< of the default step, either way: a factor of 32

/// Trains on the first examples, always from the same start, and measures the objective on them.
class Track {
 public:
  Track(const Kernel& kernel, const Dataset& data, const Options& options, const SavedModel* start)
      : kernel_(kernel),
        data_(data),
        options_(options),
        start_(start),
        backend_(make_serial_backend()),
        parameters_(kernel.layout, backend_->memory()) {}

  Trial operator()(double step, std::size_t examples, int epochs) {
    std::fill_n(parameters_.memory().data(), parameters_.memory().floats(), 0.f);
    kernel_.initialize(parameters_, options_.seed);
    if (start_) from_saved(*start_, kernel_, data_, parameters_);
    backend_->prepare(kernel_, data_, parameters_);
    ChunkQueue queue(examples, chunk_size(data_.size(), data_.nonzeros()), options_.stop);
    for (int epoch = 0; epoch < epochs; ++epoch) {
      queue.permute(options_.seed, static_cast<std::uint64_t>(epoch));
      queue.open(1);
      Options at = options_;
      at.step = step;
      backend_->run({.epoch = epoch, .index = epoch, .rate = static_cast<float>(at.step_at(epoch, step))}, queue);
    }
    const double sum = kernel_.loss(kernel_.model.get(), parameters_.cells(), data_.examples(), 0, examples);
    return {.step = step, .loss = sum / static_cast<double>(examples) + kernel_.penalty(parameters_)};
  }

 private:
  const Kernel& kernel_;
  const Dataset& data_;
  const Options& options_;
  const SavedModel* start_;
  std::unique_ptr<Backend> backend_;
  Parameters parameters_;
};

}  // namespace

StepRace race_steps(const Kernel& kernel, const Dataset& data, const Options& options, const SavedModel* start) {
  if (data.size() == 0) throw Error(data.name() + " holds no examples");
  Track track(kernel, data, options, start);
  StepRace race;
  Trial best{.step = 0, .loss = HUGE_VAL};
  for (int doubling = -kDoublings; doubling <= kDoublings; ++doubling) {
    race.trials.push_back(track(std::ldexp(kernel.default_step, doubling), std::min(kFirstHeat, data.size()), 2));
    if (std::isfinite(race.trials.back().loss) && race.trials.back().loss < best.loss) best = race.trials.back();
  }
  if (best.step == 0)
    throw Error("--step auto found no step at which training on " + data.name() + " stays finite: give --step");

  const std::size_t more = std::min(kSecondHeat, data.size());
  if (more > kFirstHeat) {
    best = track(best.step, more, 1);
    for (int halving = 0; halving < 2 * kDoublings; ++halving) {
      const Trial half = track(best.step / 2, more, 1);
      if (best.loss < half.loss) break;  // false where it is not a number
      best = half;
    }
  }
  race.step = best.step;
  return race;
}

}  // namespace sounder
