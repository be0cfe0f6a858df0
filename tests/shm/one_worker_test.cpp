// Law: one worker of a mode equals serial, as the mode itself declares.
#include <doctest/doctest.h>

#include "modes/mode.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Two ways to round the same sums, in parts of the largest weight.
constexpr double kRounding = 3e-4;

/// Rectified units switch on or off by a rounding, and what follows differs by far more: only few steps compare.
Dataset short_set(ModelName model) {
  return model == ModelName::mlp ? Dataset::train(small_columns(model, 200), 1) : small_set(model);
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("one worker of any mode, model and team equals serial as the mode declares") {
    for (const auto& model : kModels) {
      const Dataset data = short_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data);
      Options options = options_for(Mode::serial, 2);
      options.seed = 3;
      const Result serial = train(kernel, data, options);
      REQUIRE(serial.curve.back().train_loss < serial.curve.front().train_loss);

      for_each_team([&](TeamName team) {
        for_each_mode(team, [&](const Named<Mode>& mode) {
          CAPTURE(std::string(model.name));
          CAPTURE(std::string(mode.name));
          CAPTURE(std::string(name_of(kTeams, team)));
          if (mode.value != Mode::serial && shm::entry_of(mode.value).one_worker == shm::OneWorker::order) return;
          options.mode = mode.value;
          options.team = team;
          options.batch = 1;
          const Result result = train(kernel, data, options);
          const bool exact =
              mode.value == Mode::serial || shm::entry_of(mode.value).one_worker == shm::OneWorker::exact;
          if (exact) {
            CHECK(result.digest == serial.digest);
            CHECK(result.curve.back().train_loss == serial.curve.back().train_loss);
          } else {
            CHECK(distance(result.parameters, serial.parameters) < kRounding);
          }
        });
      });
    }
  }

  TEST_CASE("one step left out is more than the rounding that a mode may declare") {
    // The power of the tolerance above: leave out one step of a serial run.
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      const Dataset data = short_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data);
      const auto end_of = [&](std::size_t left_out) {
        Parameters parameters(kernel.layout);
        kernel.initialize(parameters, 1);
        const StepContext context{.cells = parameters.cells(), .rate = static_cast<float>(kernel.default_step)};
        const StepFunction step = kernel.step_of(AccessKind::relaxed);
        step(kernel.model.get(), context, data.examples(), 0, left_out);
        step(kernel.model.get(), context, data.examples(), left_out + 1, data.size());
        return parameters;
      };
      CHECK(distance(end_of(data.size() - 1), end_of(data.size() - 2)) > 3 * kRounding);
    }
  }
}
