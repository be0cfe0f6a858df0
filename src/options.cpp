#include <sounder/options.hpp>

#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder {
namespace {

void require(bool good, const char* flag, double value, const char* mend) {
  if (!good) throw Error(fmt::format("{} {:g} cannot be used: {}", flag, value, mend));
}

/// The number i of the phase of schedule `backoff` that an epoch belongs to.
int phase_at(int epoch, double length, double decay) {
  int i = 0;
  for (double end = length; epoch >= std::round(end); end += length) length /= decay, ++i;
  return i;
}

}  // namespace

void Options::validate() const {
  require(threads >= 1 && threads <= 4096, "--threads", threads, "give 1 to 4096");
  require(epochs >= 0, "--epochs", epochs, "give 0 (only evaluate) or more");
  require(std::isfinite(static_cast<float>(step)) && step >= 0, "--step", step, "give a positive number, or leave it out");
  const double used = decay_used();
  require(std::isfinite(used) && used > 0, "--decay", used, "give a positive number");
  require(schedule != ScheduleName::exponential || used <= 1, "--decay", used, "give at most 1 with --schedule exponential");
  require(schedule != ScheduleName::backoff || used <= 1, "--decay", used, "give at most 1 with --schedule backoff");
  require(phase >= 1 && phase <= 1'000'000, "--phase", phase, "give 1 to 1000000 epochs");
  require(every >= 0, "--every", every, "give a number of epochs, or 0 (only at the end)");
  require(!flush || (*flush >= 1 && *flush <= 4096), "--flush", flush.value_or(0), "give 1 to 4096 updates");
  require(!batch || *batch >= 1, "--batch", 0, "give 1 or more examples, or all");
  require(!merge_every || *merge_every >= 1, "--merge-every", merge_every.value_or(0), "give 1 or more examples");
  require(!target_loss || std::isfinite(*target_loss), "--target-loss", target_loss.value_or(0), "give a finite number");
}

double Options::step_at(int epoch, double default_step) const {
  const double first = step > 0 ? step : default_step;
  if (rule == RuleName::ftrl) return first;  // its weights are a function of its state at one step size
  switch (schedule) {
    case ScheduleName::constant: return first;
    case ScheduleName::exponential: return first * std::pow(decay_used(), epoch);
    case ScheduleName::inverse: return first / (1 + decay_used() * epoch);
    case ScheduleName::backoff: return first * std::pow(decay_used(), phase_at(epoch, phase, decay_used()));
  }
  return first;
}

}  // namespace sounder
