// Row 5 (Hogwild!, figure 5c): logistic regression whose gradient takes so many nanoseconds longer.
#include <chrono>

#include <sounder/data/load.hpp>
#include <sounder/model/logistic.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/train/fit.hpp>

#include "program.hpp"

using namespace sounder;

namespace {

/// A model around a model: a kernel made of it runs in every mode, round robin included, which gathers in step().
struct Delayed : Logistic {
  std::chrono::nanoseconds delay{0};

  template <class V>
  SOUNDER_INLINE void step(V& view, const Example& x) const {
    if (delay.count() > 0) {  // busy, not asleep: the time of a long gradient is not another worker's
      const auto end = std::chrono::steady_clock::now() + delay;
      while (std::chrono::steady_clock::now() < end) {
      }
    }
    Logistic::step(view, x);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return papers::main_of(argc, argv, "papers_delay MODE THREADS NANOSECONDS EXAMPLES", [](papers::Words words) {
    const Options options{.mode = words.mode(), .threads = words.number(1), .epochs = 1, .step = 0.2, .telemetry = TelemetryName::off};  // small: the order of few examples hardly matters
    Delayed model;
    model.delay = std::chrono::nanoseconds(words.number(0LL));
    const auto data = Dataset::train(load(fmt::format("synthetic:rcv1,examples={}", words.number(1LL))));
    const auto backend = shm::make_backend(options);
    const Result result = fit(model, data, options, *backend);
    papers::print({{"seconds", result.seconds}, {"loss", result.curve.back().train_loss}});
  });
}
