#include "loaded.hpp"

#include <chrono>

#include <fmt/format.h>

#include <sounder/train/evaluate.hpp>

#include "predictions.hpp"
#include "preparation.hpp"

namespace sounder::bench {

Loaded load_all(const Settings& settings) {
  const auto begin = std::chrono::steady_clock::now();
  Loaded loaded;
  std::vector<std::vector<std::uint32_t>> extra;
  if (!settings.start.empty()) {
    loaded.start = load_model(settings.start);
    check_prepared(*loaded.start, settings);
  }
  if (!settings.resume.empty()) loaded.resume = load_checkpoint(settings.resume);
  Columns columns = load(settings.data, settings.load);
  if (loaded.start) extra = loaded.start->ids_by_space(columns.spaces);
  if (loaded.resume) extra = loaded.resume->ids_by_space(columns.spaces);
  loaded.train = Dataset::train(std::move(columns), settings.options.seed, extra);
  if (loaded.start) check_classes(*loaded.start, settings, *loaded.train);
  if (!settings.test.empty()) loaded.test = Dataset::test(load(settings.test, settings.load), *loaded.train);
  loaded.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return loaded;
}

Problem Loaded::problem(const Kernel& kernel, const Settings& settings) const {
  return {.kernel = kernel,
          .train = *train,
          .test = test ? &*test : nullptr,
          .start = start ? &*start : nullptr,
          .resume = resume ? &*resume : nullptr,
          .facts = preparation_of(settings)};
}

void introduce(const Loaded& loaded, const Kernel& kernel, const Settings& settings, const std::string& step, std::FILE* out) {
  if (settings.quiet) return;
  const auto say = [&](const char* what, const Dataset& set) {
    fmt::print(out, "{} {}: {} examples, {} features, {} nonzeros\n", what, set.name(), set.size(), set.features(), set.nonzeros());
  };
  say("train", *loaded.train);
  if (loaded.test) say("test ", *loaded.test);
  fmt::print(out, "model {}, step {:.4g}{}, loaded in {:.2f} s\n\n", kernel.name, settings.options.step_at(0, kernel.default_step), step,
             loaded.seconds);
  std::fflush(out);
}

void write_models(const Loaded& loaded, const Kernel& kernel, const Settings& settings, const Result& result, Team& team) {
  if (result.checkpoint_epochs >= 0 && result.checkpoint_error.empty() && result.stopped == Stopped::interrupted)
    fmt::print(stderr, "{}: interrupted after epoch {}: give the same flags and --resume {} to go on\n", settings.program,
               result.checkpoint_epochs, settings.options.checkpoint);
  if (!settings.save.empty() && result.stopped == Stopped::diverged)
    fmt::print(stderr, "{}: --save {} was not written: the run diverged\n", settings.program, settings.save);
  else if (!settings.save.empty())
    save(saved_of(kernel, result.parameters, *loaded.train, settings), settings.save);
  if (!settings.predict.empty()) {
    const Dataset& set = loaded.test ? *loaded.test : *loaded.train;
    write_predictions(settings.predict, kernel, predict(kernel, result.parameters, set, team), set);
  }
}

}  // namespace sounder::bench
