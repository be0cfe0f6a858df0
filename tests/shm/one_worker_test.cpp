// Law: one worker of a mode equals serial, as the mode itself declares.
#include <doctest/doctest.h>

#include "modes/mode.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

TEST_SUITE("shm") {
  TEST_CASE("one worker of any mode, model and team equals serial as the mode declares") {
    for (const auto& model : kModels) {
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data);
      Options options = options_for(Mode::serial, 2);
      options.seed = 3;
      const Result serial = train(kernel, data, options);
      REQUIRE(serial.curve.back().train_loss < serial.curve.front().train_loss);

      for_each_team([&](TeamName team) {
        for (const auto& mode : kModes) {
          CAPTURE(std::string(model.name));
          CAPTURE(std::string(mode.name));
          CAPTURE(std::string(name_of(kTeams, team)));
          options.mode = mode.value;
          options.team = team;
          const Result result = train(kernel, data, options);
          const bool exact = mode.value == Mode::serial || shm::entry_of(mode.value).one_worker == shm::OneWorker::exact;
          if (exact) {
            CHECK(result.digest == serial.digest);
            CHECK(result.curve.back().train_loss == serial.curve.back().train_loss);
          } else {
            // Two ways to round the same sums: some units in the last place an epoch, far from one lost update.
            CHECK(distance(result.parameters, serial.parameters) < 2e-5);
          }
        }
      });
    }
  }

  TEST_CASE("one lost update is more than the rounding that a mode may declare") {
    // The power of the tolerance above: drop the last chunk's work from a serial run and look how far it ends.
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic, .l2 = 1e-3}, data);
    Parameters whole(kernel.layout), short_of_one(kernel.layout);
    const StepFunction step = kernel.step_of(AccessKind::relaxed);
    step(kernel.model.get(), {.cells = whole.cells(), .rate = 0.5f}, data.examples(), 0, data.size());
    step(kernel.model.get(), {.cells = short_of_one.cells(), .rate = 0.5f}, data.examples(), 0, data.size() - 1);
    CHECK(distance(whole, short_of_one) > 2e-4);
  }
}
