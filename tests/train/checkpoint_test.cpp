// Checkpoints: a resumed run is the run that never stopped, to the bit; what does not fit is refused.
#include <doctest/doctest.h>

#include "train/checkpoint_runs.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Runs to `epochs` and leaves a checkpoint.
Checkpoint checkpoint_after(int epochs, const Kernel& kernel, const Dataset& data, Options options) {
  const TempFile file("", ".checkpoint");
  options.epochs = epochs;
  options.checkpoint = file.path();
  CHECK(run(kernel, data, options).checkpoint_error.empty());
  return load_checkpoint(file.path());
}

bool same(const Point& a, const Point& b) {
  return a.epoch == b.epoch && a.examples == b.examples && a.updates == b.updates && a.train_loss == b.train_loss &&
         a.test_loss == b.test_loss && a.test_metric == b.test_metric && a.step == b.step;
}

Options in_serial(RuleName rule) {
  Options options = options_for(Mode::serial, 4);
  options.rule = rule;
  return options;
}

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("checkpoint: serial to 5, resumed to 10, is serial to 10: every weight, every point") {
    if (kThreadSanitizer) return skip("slow, and of one thread");
    for (const auto& model : kModels)
      for (const auto& schedule : kSchedules) {
        CAPTURE(std::string(model.name));
        CAPTURE(std::string(schedule.name));
        const Dataset data = small_set(model.value);
        const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3}, data);
        Options options = options_for(Mode::serial, 10);
        options.schedule = schedule.value;
        const Result straight = run(kernel, data, options);
        const Checkpoint checkpoint = checkpoint_after(5, kernel, data, options);
        CHECK(checkpoint.epochs == 5);
        Noting noting;
        const Result resumed = run(kernel, data, options, &checkpoint, &noting);
        CHECK(resumed.digest == straight.digest);
        CHECK(weights_of(resumed.parameters) == weights_of(straight.parameters));
        REQUIRE(resumed.curve.size() == 11);
        REQUIRE(noting.points.size() == 11);
        for (std::size_t i = 0; i <= 10; ++i) {
          CHECK(same(resumed.curve[i], straight.curve[i]));
          CHECK(same(resumed.curve[i], noting.points[i]));
          if (i > 0) CHECK(resumed.curve[i].seconds > resumed.curve[i - 1].seconds);
        }
        CHECK(run(kernel, data, options_for(Mode::serial, 3), nullptr).curve.size() == 4);
        options.epochs = 3;  // counted from the very start: nothing is left to do
        const Result done = run(kernel, data, options, &checkpoint);
        CHECK(done.curve.size() == 6);
        CHECK(done.digest != straight.digest);
      }
  }

  TEST_CASE("checkpoint: the test can fail: a lost epoch, a lost weight, a lost half step") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    const Options options = options_for(Mode::serial, 10);
    const std::string straight = run(kernel, data, options).digest;
    Checkpoint checkpoint = checkpoint_after(5, kernel, data, options);
    CHECK(run(kernel, data, options, &checkpoint).digest == straight);
    checkpoint.epochs = 4;
    CHECK(run(kernel, data, options, &checkpoint).digest != straight);
    checkpoint.epochs = 5;
    checkpoint.state.tables[0].weights[1] = 0;
    CHECK(run(kernel, data, options, &checkpoint).digest != straight);
    checkpoint = checkpoint_after(5, kernel, data, options);
    checkpoint.backoffs.push_back({});
    CHECK(run(kernel, data, options, &checkpoint).digest != straight);
  }

  TEST_CASE("checkpoint: conflictfree goes on to the same bits with any number of threads") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      const Dataset data = small_set(model.value);
      for (const RuleName rule : {RuleName::sgd, RuleName::adagrad}) {
        const Kernel kernel = builtin_kernel({.model = model.value}, data, rule);
        const auto options = [&](int epochs, int threads) {
          Options asked = options_for(Mode::conflictfree, epochs, threads);
          asked.rule = rule;
          return asked;
        };
        const std::string straight = run(kernel, data, options(4, 1)).digest;
        const Checkpoint checkpoint = checkpoint_after(2, kernel, data, options(4, 2));
        for (const int threads : {1, 2, 3}) CHECK(run(kernel, data, options(4, threads), &checkpoint).digest == straight);
        if (model.value != ModelName::cut)  // whose components are stepped on in the order of serial
          CHECK(run(kernel, data, in_serial(rule), &checkpoint).digest != straight);
      }
    }
  }

  TEST_CASE("checkpoint: goes on in every mode, with other threads") {
    for (const ModelName name : {ModelName::logistic, ModelName::mf, ModelName::softmax}) {
      const auto& model = *std::find_if(kModels.begin(), kModels.end(), [&](const auto& m) { return m.value == name; });
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value}, data);
      for (const auto& mode : kModes) {
        CAPTURE(std::string(model.name));
        CAPTURE(std::string(mode.name));
        const Checkpoint checkpoint = checkpoint_after(2, kernel, data, options_for(mode.value, 0, 2));
        const Result resumed = run(kernel, data, options_for(mode.value, 4, 3), &checkpoint);
        CHECK(resumed.curve.size() == 5);
        CHECK(resumed.curve.back().examples == 4 * data.size());
        // It goes on; how well is another law. Under ThreadSanitizer, three workers on two cores read what is far out of date.
        CHECK(resumed.curve.back().train_loss < (kThreadSanitizer ? 3 : 1.1) * resumed.curve[0].train_loss);
        const Result serial = run(kernel, data, options_for(Mode::serial, 4), &checkpoint);
        CHECK(serial.digest == run(kernel, data, options_for(Mode::serial, 4), &checkpoint).digest);
      }
    }
  }

  TEST_CASE("checkpoint: whole rows, weights and rule state, by original ids") {
    const Dataset data = small_set(ModelName::mf);
    Kernel kernel = builtin_kernel({.model = ModelName::mf}, data);
    std::vector<TableShape> shapes;
    for (std::size_t i = 0; i < kernel.layout.tables(); ++i) shapes.push_back(kernel.layout.shape(i));
    kernel.layout = Layout(shapes, 2);  // as a rule with two floats of state a weight
    Parameters parameters(kernel.layout), back(kernel.layout);
    const auto each_known = [&](Parameters& of, auto f) {
      for (std::size_t table = 0; table < shapes.size(); ++table) {
        const std::size_t rows =
            table < 2 ? data.numbering(static_cast<std::uint32_t>(table)).size() : shapes[table].rows;
        for (std::size_t row = 0; row < rows; ++row)
          for (std::size_t k = 0; k < kernel.layout.stride(table); ++k) f(of.row(table, row).data()[k]);
      }
    };
    float next = 0;
    each_known(parameters, [&](float& cell) { cell = ++next; });
    const SavedModel whole = to_saved(kernel, parameters, data, RowPart::whole);
    from_saved(whole, kernel, data, back, RowPart::whole);
    float expected = 0;
    std::size_t wrong = 0;
    each_known(back, [&](float& cell) { wrong += cell != ++expected; });
    CHECK(wrong == 0);
    CHECK(expected > 10'000);
    CHECK_FALSE(
        message_of([&] { from_saved(whole, kernel, data, back); }).empty());  // three times too wide for a model
    CHECK_FALSE(message_of([&] {
                  from_saved(to_saved(kernel, parameters, data), kernel, data, back, RowPart::whole);
                }).empty());
  }

  TEST_CASE("checkpoint: of another model, data, seed, schedule, step or fact: one sentence, the flag in it") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    const Options options = options_for(Mode::serial, 2);
    const Checkpoint good = checkpoint_after(1, kernel, data, options);
    const auto complaint = [&](const Kernel& with, const Dataset& on, auto spoil) {
      Options spoiled = options;
      spoil(spoiled);
      return message_of([&] { run(with, on, spoiled, &good); });
    };
    CHECK(complaint(kernel, data, [](Options&) {}) == "");
    CHECK(contains(complaint(builtin_kernel({.model = ModelName::svm}, data), data, [](Options&) {}),
                   "--model logistic"));
    CHECK(contains(complaint(kernel, data, [](Options& o) { o.seed = 2; }), "--seed 1"));
    CHECK(contains(complaint(kernel, data, [](Options& o) { o.step = 0.125; }), "--step"));
    CHECK(contains(complaint(kernel, data, [](Options& o) { o.schedule = ScheduleName::constant; }),
                   "--schedule exponential"));
    CHECK(contains(complaint(kernel, data, [](Options& o) { o.decay = 0.5; }), "--decay 0.85"));
    const Dataset other = Dataset::train(load("synthetic:zipf,features=4000,nonzeros=20,examples=900,seed=4"), 1);
    CHECK(contains(complaint(builtin_kernel({}, other), other, [](Options&) {}), "--data"));
    CHECK(contains(message_of([&] { check_checkpoint(good, kernel, data, {{"rule", "other"}}); }), "--rule sgd"));
  }

  TEST_CASE("checkpoint: a run interrupted within an epoch leaves the state before it, and goes on to the same bits") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    const Result straight = run(kernel, data, options_for(Mode::serial, 6));
    const TempFile file("", ".checkpoint");
    std::atomic<bool> stop{false};
    Noting noting;
    noting.stop = &stop;
    noting.stop_in = 3;
    Options options = options_for(Mode::serial, 6);
    options.checkpoint = file.path();
    options.every = 0;
    options.stop = &stop;
    const Result interrupted = run(kernel, data, options, nullptr, &noting);
    CHECK(interrupted.stopped == Stopped::interrupted);
    CHECK(interrupted.checkpoint_epochs == 3);
    const Checkpoint checkpoint = load_checkpoint(file.path());
    CHECK(checkpoint.curve.size() == 4);
    CHECK(run(kernel, data, options_for(Mode::serial, 6), &checkpoint).digest == straight.digest);
  }

  TEST_CASE("checkpoint: keeps the steps that a run has backed off to") {
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = builtin_kernel({.model = ModelName::mf}, data);
    Options options = options_for(Mode::serial, 8);
    options.step = 1024 * kernel.default_step;
    options.backoff = true;
    const Result straight = run(kernel, data, options);
    REQUIRE(straight.stopped == Stopped::epochs);
    const Checkpoint checkpoint = checkpoint_after(6, kernel, data, options);
    CHECK(checkpoint.backoffs.size() == straight.backoffs.size());
    const Result resumed = run(kernel, data, options, &checkpoint);
    CHECK(resumed.digest == straight.digest);
    CHECK(resumed.curve.back().step == straight.curve.back().step);
    CHECK(resumed.curve.back().examples == straight.curve.back().examples);
  }
}
