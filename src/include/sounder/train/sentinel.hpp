// Finds that a run diverges within the chunk that did it, at less than one example's loss in a hundred steps.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include <sounder/kernel.hpp>
#include <sounder/train/chunk_queue.hpp>

namespace sounder {

/// Looks in three stages, each only where the one before is alarmed:
///  1. after every chunk: the loss of its first example, and the worker's floating-point flags (overflow, invalid,
///     division by zero), which the processor raises for free on any step of the chunk;
///  2. the losses of the whole chunk: one that is not finite is a divergence, whichever row it came from;
///  3. if the chunk's mean has exploded, the mean of kSample examples spread over the set: one odd chunk is none.
/// A mean has exploded at kExplosion times the scale. That is above the limit at the end of an epoch (fit.cpp): within
/// the first epoch a good run may overshoot for a moment.
class Sentinel final : public Watch {
 public:
  static constexpr double kExplosion = 100;
  static constexpr std::size_t kSample = 1024;

  struct Finding {
    Range chunk;      ///< after which it was found
    double loss = 0;  ///< that raised the alarm: a mean, or not finite
  };

  /// `scale`: the mean loss of the start values. All others outlive the sentinel.
  Sentinel(const Kernel& kernel, const Examples& examples, const Parameters& parameters, double scale)
      : kernel_(kernel), examples_(examples), cells_(parameters.cells()), limit_(kExplosion * scale) {}

  void begin() override;
  bool good(const Range& done, const Cells* own) override;

  /// The first divergence of a round; forgotten by asking. Called when no worker runs.
  std::optional<Finding> take_finding();
  /// How often the second and the third stage were needed: what the watch has cost, and the tests' view of it.
  std::uint64_t chunk_looks() const { return chunk_looks_.load(std::memory_order_relaxed); }
  std::uint64_t sample_looks() const { return sample_looks_.load(std::memory_order_relaxed); }

 private:
  bool look_closer(const Range& done, const Cells& cells);
  bool found(const Range& done, double loss);
  double loss(const Cells& cells, std::size_t begin, std::size_t end) const {
    return kernel_.loss(kernel_.model.get(), cells, examples_, begin, end);
  }

  const Kernel& kernel_;
  Examples examples_;
  Cells cells_;
  double limit_;
  // Written by: alarmed workers. Read by: take_finding() and the counters' readers, after the round. Order: the lock;
  // relaxed for the counters, which order nothing.
  std::mutex mutex_;
  std::optional<Finding> finding_;
  std::atomic<std::uint64_t> chunk_looks_{0}, sample_looks_{0};
};

}  // namespace sounder
