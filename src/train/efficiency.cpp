#include <sounder/train/efficiency.hpp>

#include <algorithm>
#include <cmath>

namespace sounder {
namespace {

double updates_per_second(const Timed& run) { return static_cast<double>(run.curve.back().updates) / run.seconds; }

}  // namespace

std::optional<double> epochs_to(const Curve& curve, double target) {
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (!(curve[i].train_loss <= target)) continue;
    if (i == 0) return curve[0].epoch;
    const Point &before = curve[i - 1], &after = curve[i];
    const double part = (before.train_loss - target) / (before.train_loss - after.train_loss);
    if (!std::isfinite(part)) return after.epoch;  // it came down from a loss that is not a number
    return before.epoch + part * (after.epoch - before.epoch);
  }
  return std::nullopt;
}

std::optional<Efficiency> efficiency_of(const Timed& run, const Timed& reference, std::optional<double> target) {
  for (const Timed* timed : {&run, &reference})
    if (timed->curve.size() < 2 || timed->curve.back().updates == 0 || !(timed->seconds > 0)) return std::nullopt;
  Efficiency efficiency;
  efficiency.workers = run.workers;
  efficiency.target = target.value_or(std::max(run.curve.back().train_loss, reference.curve.back().train_loss));
  efficiency.hardware = updates_per_second(run) / (run.workers * updates_per_second(reference));
  const auto mine = epochs_to(run.curve, efficiency.target), others = epochs_to(reference.curve, efficiency.target);
  if (mine && others && *mine > 0 && *others > 0) efficiency.statistical = *others / *mine;
  return efficiency;
}

}  // namespace sounder
