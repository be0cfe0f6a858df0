// fit: repeatable, stops when it should, goes on from a saved model, and tells what happened.
#include <algorithm>
#include <atomic>
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/error.hpp>
#include <sounder/train/evaluate.hpp>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

Result watched(const Kernel& kernel, const Dataset& data, const Options& options, Observer& observer) {
  const auto backend = shm::make_backend(options);
  Exchange alone;
  return fit({.kernel = kernel, .train = data}, options, *backend, alone, observer);
}

/// Does something at the start of an epoch and at a point.
struct Doing : Observer {
  std::function<void(int)> epoch = [](int) {};
  std::function<bool(const Point&)> point = [](const Point&) { return true; };
  void on_epoch(int number, const ChunkQueue&) override { epoch(number); }
  bool on_point(const Point& at) override { return point(at); }
};

/// Labels that no weights can fit, so that too large a step has nowhere to rest.
Dataset hopeless(ModelName model) {
  if (format_of(model) == Format::ratings) return small_set(model);
  std::vector<std::vector<std::uint32_t>> ids;
  std::vector<float> labels;
  for (std::uint32_t i = 0; i < 600; ++i) {
    ids.push_back({i % 3, 3 + i % 5});
    labels.push_back(format_of(model) == Format::multiclass ? static_cast<float>(i % 7 % 3) : i % 7 < 3 ? 1.f : -1.f);
  }
  return examples_of(ids, labels, format_of(model) == Format::multiclass ? std::vector<float>{0, 1, 2} : std::vector<float>{});
}

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("fit: serial is repeatable to the bit, and depends on the seed") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3}, data);
      Options options = options_for(Mode::serial, 3);
      const Result once = train(kernel, data, options), again = train(kernel, data, options);
      CHECK(once.digest == again.digest);
      REQUIRE(once.curve.size() == 4);
      for (std::size_t i = 0; i < 4; ++i) CHECK(once.curve[i].train_loss == again.curve[i].train_loss);
      CHECK(weights_of(once.parameters) == weights_of(again.parameters));
      options.seed = 2;
      if (model.value != ModelName::cut)  // bounded steps: a small graph ends in the corners, whatever the order
        CHECK(train(kernel, data, options).digest != once.digest);
    }
  }

  TEST_CASE("fit: the curve has a point for the start and each epoch") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    const Options options = options_for(Mode::hogwild, 4, 2);
    std::vector<int> epochs;
    std::vector<Point> seen;
    Doing doing;
    doing.epoch = [&](int epoch) { epochs.push_back(epoch); };
    doing.point = [&](const Point& point) { return seen.push_back(point), true; };
    const Result result = watched(kernel, data, options, doing);
    CHECK(epochs == std::vector<int>{0, 1, 2, 3});
    REQUIRE(result.curve.size() == 5);
    REQUIRE(seen.size() == 5);
    CHECK(result.stopped == Stopped::epochs);
    CHECK(result.advice.empty());
    for (int epoch = 0; epoch <= 4; ++epoch) {
      const Point& point = result.curve[static_cast<std::size_t>(epoch)];
      CHECK(point.epoch == epoch);
      CHECK(point.examples == data.size() * static_cast<std::size_t>(epoch));
      CHECK(point.updates == point.examples);
      CHECK(point.train_loss == seen[static_cast<std::size_t>(epoch)].train_loss);
      CHECK_FALSE(point.test_loss.has_value());
      if (epoch > 0) CHECK(point.step == options.step_at(epoch - 1, kernel.default_step));
      if (epoch > 0) CHECK(point.seconds > result.curve[static_cast<std::size_t>(epoch) - 1].seconds);
    }
    CHECK(result.curve.front().train_loss == doctest::Approx(std::log(2)));  // all weights 0
    CHECK(result.seconds == result.curve.back().seconds);

    const Result untrained = train(kernel, data, options_for(Mode::hogwild, 0, 2));
    CHECK(untrained.curve.size() == 1);
    CHECK(untrained.stopped == Stopped::epochs);
  }

  TEST_CASE("fit: the test set is evaluated at every point") {
    const Dataset data = small_set(ModelName::svm);
    const Dataset held_out = Dataset::test(load("synthetic:zipf,features=4000,nonzeros=20,examples=500,part=1"), data);
    const Kernel kernel = builtin_kernel({.model = ModelName::svm}, data);
    const Options options = options_for(Mode::serial, 2);
    const auto backend = shm::make_backend(options);
    const Result result = fit({.kernel = kernel, .train = data, .test = &held_out}, options, *backend);
    for (const Point& point : result.curve) CHECK((point.test_loss.has_value() && point.test_metric.has_value()));
    SerialTeam alone;
    const Evaluation last = evaluate(kernel, result.parameters, held_out, alone);
    CHECK(*result.curve.back().test_loss == last.loss);
    CHECK(*result.curve.back().test_metric == last.metric);
    CHECK(*result.curve.front().test_loss == 1);  // the hinge at score 0
  }

  TEST_CASE("fit: stops at the target loss") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    Options options = options_for(Mode::serial, 10);
    const Result whole = train(kernel, data, options);
    options.target_loss = whole.curve[3].train_loss;
    const Result short_run = train(kernel, data, options);
    CHECK(short_run.stopped == Stopped::target);
    REQUIRE(short_run.curve.size() == 4);
    REQUIRE(short_run.target_seconds.has_value());
    CHECK(*short_run.target_seconds == short_run.curve.back().seconds);
    options.target_loss = 100;  // reached before anything is done
    CHECK(train(kernel, data, options).curve.size() == 1);
    options.target_loss = whole.curve.back().train_loss;  // reached by the very last epoch
    CHECK(train(kernel, data, options).stopped == Stopped::target);
    options.target_loss = whole.curve.back().train_loss / 2;
    const Result missed = train(kernel, data, options);
    CHECK(missed.stopped == Stopped::epochs);
    CHECK_FALSE(missed.target_seconds.has_value());
  }

  TEST_CASE("fit: a run that diverges says in which epoch, at which step, and what to try") {
    for (const auto& model : kModels) {
      if (model.value == ModelName::cut) continue;  // its vertices are kept in a box, whatever the step
      const Dataset data = hopeless(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value}, data);
      for (const auto& mode : kModes) {
        CAPTURE(std::string(model.name));
        CAPTURE(std::string(mode.name));
        Options options = options_for(mode.value, 5, 2);
        options.step = 1e6;
        const Result result = train(kernel, data, options);
        CHECK(result.stopped == Stopped::diverged);
        CHECK(result.curve.size() == 1);  // the last good point stays the last
        CAPTURE(result.advice);
        CHECK(result.advice.find("epoch 1 ") != std::string::npos);
        CHECK(result.advice.find("step 1e+06") != std::string::npos);
        const auto flag = result.advice.find("--step ");
        REQUIRE(flag != std::string::npos);
        options.step = std::stod(result.advice.substr(flag + 7));
        CHECK(options.step <= 1e6 / 4);
        const Result mended = train(kernel, data, options);
        CHECK(mended.stopped == Stopped::epochs);
        CHECK(mended.advice.empty());
      }
    }
  }

  TEST_CASE("fit: is interrupted by the stop flag or by the observer") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      std::atomic<bool> stop{false};
      Options options = options_for(mode.value, 10, 2);
      options.stop = &stop;
      Doing flag;
      flag.epoch = [&](int epoch) { stop = epoch == 2; };
      const Result flagged = watched(kernel, data, options, flag);
      CHECK(flagged.stopped == Stopped::interrupted);
      CHECK(flagged.curve.size() == 4);
      CHECK(flagged.curve.back().examples == 2 * data.size());  // nobody takes a chunk any more

      stop = false;
      Doing observer;
      observer.point = [](const Point& point) { return point.epoch < 3; };
      const Result refused = watched(kernel, data, options, observer);
      CHECK(refused.stopped == Stopped::interrupted);
      CHECK(refused.curve.size() == 4);
      observer.point = [](const Point&) { return false; };
      CHECK(watched(kernel, data, options, observer).curve.size() == 1);
    }
  }

  TEST_CASE("fit: what an observer throws comes out") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    Doing doing;
    doing.epoch = [](int epoch) {
      if (epoch == 1) throw Error("from on_epoch");
    };
    CHECK_THROWS_WITH_AS(watched(kernel, data, options_for(Mode::hogwild, 3, 2), doing), "from on_epoch", Error);
    doing.epoch = [](int) {};
    doing.point = [](const Point&) -> bool { throw Error("from on_point"); };
    CHECK_THROWS_WITH_AS(watched(kernel, data, options_for(Mode::hogwild, 3, 2), doing), "from on_point", Error);
  }

  TEST_CASE("fit: goes on from a saved model, also on data with another numbering") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3}, data);
      const Result first = train(kernel, data, options_for(Mode::serial, 3));
      const SavedModel saved = to_saved(kernel, first.parameters, data);
      const auto backend = make_serial_backend();
      const Result same =
          fit({.kernel = kernel, .train = data, .start = &saved}, options_for(Mode::serial, 0), *backend);
      CHECK(same.digest == first.digest);
      CHECK(same.curve.front().train_loss == first.curve.back().train_loss);
      Options small_steps = options_for(Mode::serial, 2);
      small_steps.step = kernel.default_step / 100;
      const Result more = fit({.kernel = kernel, .train = data, .start = &saved}, small_steps, *backend);
      CHECK(more.curve.front().train_loss == first.curve.back().train_loss);
      CHECK(more.curve.back().train_loss < more.curve.front().train_loss);

      // Other examples know other frequencies; the rows of the model come along and keep their weights.
      const Dataset other = Dataset::train(small_columns(model.value, 900, 4), 1, saved.ids_by_space(data.spaces()));
      const Kernel renumbered = builtin_kernel({.model = model.value, .l2 = 1e-3}, other);
      Parameters parameters(renumbered.layout);
      from_saved(saved, renumbered, other, parameters);
      std::size_t wrong = 0;
      for (std::uint32_t space = 0; space < data.spaces(); ++space)
        for (std::uint32_t row = 0; row < data.numbering(space).size(); ++row) {
          const auto here = first.parameters.row(space, row);
          const auto there = parameters.row(space, other.numbering(space).row_of(data.numbering(space).original(row)));
          wrong += !std::equal(here.begin(), here.end(), there.begin(), there.end());
        }
      CHECK(wrong == 0);
    }
  }
}
