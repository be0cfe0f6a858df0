// Every default of a training run, in one place.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <sounder/modes.hpp>

namespace sounder {

/// How to train, whatever the model: what belongs to a model (l2, factors) is a field of the model.
/// Field names are the flags of the bench programs.
struct Options {
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

  Mode mode = Mode::hogwild;
  int threads = 1;                            ///< workers; `serial` always has one
  TeamName team = TeamName::threads;          ///< what runs the workers
  PinName pin = PinName::automatic;
  int epochs = 10;                            ///< visits of every example
  double step = 0;                            ///< step size of the first epoch; 0: the model's default for the data
  ScheduleName schedule = ScheduleName::exponential;
  std::optional<double> decay{};              ///< of the schedule; unset: 0.85, for `backoff` 0.37
  int phase = 2;                              ///< schedule backoff: epochs at the first step
  bool backoff = false;                       ///< go on from the last good point at half the step after a divergence
  RuleName rule = RuleName::sgd;
  std::uint64_t seed = 1;                     ///< of the order of the examples and of the start values
  std::optional<std::size_t> hot_rows{};      ///< mode cached: most rows a worker keeps privately; unset: found from the data
  std::optional<int> flush{};                 ///< mode cached: own updates of a row between merges; unset: by the number of workers
  std::optional<std::size_t> batch{};         ///< modes with batches: examples a batch, over all workers; kAll: an epoch's; unset: by mode
  DataPerWorker data_per_worker = DataPerWorker::shard;  ///< mode averaged
  ReplicaName replica = ReplicaName::core;    ///< mode replicated
  std::optional<int> merge_every{};           ///< mode replicated: examples of a replica between merges; unset: by the mode
  std::optional<double> target_loss{};        ///< stop when the training loss is at or below
  TelemetryName telemetry = TelemetryName::on;
  std::string checkpoint{};                   ///< file to go on from: written every `every` epochs and at the end; "": none
  int every = 1;                              ///< epochs between checkpoints; 0: only at the end
  const std::atomic<bool>* stop = nullptr;    ///< set from any thread or signal handler: the run ends within a few chunks

  /// Throws Error naming the field (as a flag) and the mend.
  void validate() const;

  /// The decay in force. 0.37, about 1/e, is the optimum of the analysis of Niu et al. 2011, section 5.
  double decay_used() const { return decay.value_or(schedule == ScheduleName::backoff ? 0.37 : 0.85); }

  /// The step size of an epoch (0, 1, ...). Schedule `backoff` cuts the run into phases i = 0, 1, ... of
  /// phase / decay^i epochs, whose sums are rounded to whole epochs, at the step first * decay^i: the same work is
  /// done in each until the noise of its step rules. The workers meet at the end of every epoch anyway.
  double step_at(int epoch, double default_step) const;
};

}  // namespace sounder
