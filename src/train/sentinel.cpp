#include <sounder/train/sentinel.hpp>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <utility>

namespace sounder {
namespace {

// No NaN and no infinity comes out of finite numbers without one of these. Steps that raise them and go on in good
// health (the sigmoid of a large margin overflows to the right answer) cost a closer look.
constexpr int kFlags = FE_INVALID | FE_OVERFLOW | FE_DIVBYZERO;

}  // namespace

void Sentinel::begin() { std::feclearexcept(kFlags); }

bool Sentinel::good(const Range& done, const Cells* own) {
  const Cells& cells = own ? *own : cells_;
  // The first example, since the last was just fitted: with a huge step its own loss is the last to show it.
  if (std::fetestexcept(kFlags) == 0 && loss(cells, done.begin, done.begin + 1) <= limit_) return true;
  const bool good = look_closer(done, cells);
  std::feclearexcept(kFlags);
  return good;
}

bool Sentinel::look_closer(const Range& done, const Cells& cells) {
  chunk_looks_.fetch_add(1, std::memory_order_relaxed);
  const double chunk = loss(cells, done.begin, done.end) / static_cast<double>(done.size());
  if (!std::isfinite(chunk)) return found(done, chunk);
  if (chunk <= limit_) return true;

  sample_looks_.fetch_add(1, std::memory_order_relaxed);
  const std::size_t sample = std::min(kSample, examples_.count);
  double sum = 0;
  for (std::size_t k = 0; k < sample; ++k) {
    const std::size_t i = k * examples_.count / sample;
    sum += loss(cells, i, i + 1);
  }
  const double mean = sum / static_cast<double>(sample);
  return mean <= limit_ ? true : found(done, mean);
}

bool Sentinel::found(const Range& done, double loss) {
  const std::lock_guard lock(mutex_);
  if (!finding_) finding_ = {.chunk = done, .loss = loss};
  return false;
}

std::optional<Sentinel::Finding> Sentinel::take_finding() { return std::exchange(finding_, std::nullopt); }

}  // namespace sounder
