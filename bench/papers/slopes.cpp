// Row 6 (Hogwild!, section 5): how fast f - f* falls under a schedule, on a stream of examples that never repeats.
#include <array>
#include <cmath>

#include <sounder/data/random.hpp>
#include <sounder/kernel.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/train/chunk_queue.hpp>

#include "program.hpp"

using namespace sounder;

namespace {

constexpr int kFeatures = 8;
constexpr std::size_t kUnit = 320;  ///< examples of what the schedules call an epoch

/// Least squares without an intercept: its curvature is that of the features alone.
struct LeastSquares {
  static constexpr Table<1, 0> weights{};
  Layout layout(const Dataset& data) const { return {{.rows = data.features(), .space = 0}}; }

  template <class V>
  void step(V& view, const Example& x) const { view.descend(weights, x, {}, view.dot(weights, x) - x.label); }
  template <class V>
  double loss(V& view, const Example& x) const { return std::pow(predict(view, x) - static_cast<double>(x.label), 2) / 2; }
  template <class V>
  double predict(V& view, const Example& x) const { return static_cast<double>(view.dot(weights, x)); }
  template <class F>
  void touches(const Example& x, F f) const { for (std::uint32_t j = 0; j < x.size; ++j) f(0, j); }
};

/// Feature j is normal with variance h_j, from 1 down to the curvature; the label is the sum of all, each over the root
/// of its h, and noise of variance 1. So f - f* = 1/2 sum_j h_j (w_j - w*_j)^2 exactly.
struct Stream {
  std::array<double, kFeatures> h{}, best{};
  Columns columns;

  Stream(double curvature, std::size_t examples, std::uint64_t seed) {
    columns.name = "stream", columns.width = kFeatures;
    for (std::size_t j = 0; j < kFeatures; ++j) {
      h[j] = std::pow(curvature, static_cast<double>(j) / (kFeatures - 1));
      best[j] = 1 / std::sqrt(h[j]);
    }
    Random random(seed);
    for (std::size_t i = 0; i < examples; ++i) {
      double label = random.normal();
      for (std::size_t j = 0; j < kFeatures; ++j) {
        const auto value = static_cast<float>(random.normal() * std::sqrt(h[j]));
        columns.values.push_back(value);
        label += best[j] * static_cast<double>(value);
      }
      columns.labels.push_back(static_cast<float>(label));
    }
  }

  double excess(const Parameters& parameters) const {
    double sum = 0;
    for (std::size_t j = 0; j < kFeatures; ++j) sum += h[j] * std::pow(static_cast<double>(parameters.row(0, j)[0]) - best[j], 2) / 2;
    return sum;
  }
};

ScheduleName schedule_of(const std::string& word) {
  const auto schedule = from_name(kSchedules, word);
  if (!schedule) throw Error(fmt::format("\"{}\" is no schedule: give one of {}", word, names_of(kSchedules)));
  return *schedule;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const usage = "papers_slopes MODE THREADS SCHEDULE STEP DECAY PHASE CURVATURE EPOCHS SEEDS";
  return papers::main_of(argc, argv, usage, [](papers::Words words) {
    Options options{.mode = words.mode(), .threads = words.number(1), .telemetry = TelemetryName::off};
    options.schedule = schedule_of(words.text());
    options.step = words.number(0.);
    options.decay = words.number(0.);
    options.phase = words.number(1);
    const double curvature = words.number(1e-9);
    options.epochs = words.number(1);
    options.validate();
    const auto backend = shm::make_backend(options);
    std::vector<double> excess(static_cast<std::size_t>(options.epochs) + 1);
    const int seeds = words.number(1);
    for (int seed = 0; seed < seeds; ++seed) {
      Stream stream(curvature, kUnit * static_cast<std::size_t>(options.epochs), static_cast<std::uint64_t>(seed));
      const auto data = Dataset::train(std::move(stream.columns));
      const Kernel kernel = make_kernel(LeastSquares{}, data, "least squares");
      Parameters parameters(kernel.layout, backend->memory());
      backend->prepare(kernel, data, parameters);
      ChunkQueue queue(data.size(), kUnit / 10);
      excess[0] += stream.excess(parameters);
      for (int epoch = 0; epoch < options.epochs; ++epoch) {
        const auto first = static_cast<std::size_t>(epoch) * 10;
        queue.open(first, first + 10, options.threads);  // the next examples of the stream
        backend->run({.epoch = epoch, .index = epoch, .rate = static_cast<float>(options.step_at(epoch, options.step))}, queue);
        excess[static_cast<std::size_t>(epoch) + 1] += stream.excess(parameters);
      }
    }
    for (double& sum : excess) sum /= seeds;
    papers::print({{"excess", excess}});  // the mean over the seeds, after 0, 1, ... epochs
  });
}
