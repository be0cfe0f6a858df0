// Averages of two ranks' values, one pair at a time, that nobody can lock up: a pure state machine, one on each rank.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// | kind | channel | tag  | detail         | payload                   |
/// |------|---------|------|----------------|---------------------------|
/// | pair | gossip  |      | kAsk           | the values of who asks    |
/// | pair | gossip  |      | kMean          | the mean that both now have |
/// | pair | gossip  |      | kBusy          |                           |
///
/// A rank asks one other at a time, and its own values do not change until the answer is there. Who is asked answers at once, whatever
/// its training does: with the mean, which it has taken over, or, where it waits for an answer itself, that it is busy: then nothing
/// happens. Two that have asked each other know so from the other's question, which came in place of an answer, and compute the same
/// mean. So every average is of two ranks' values at one time, and keeps their sum; and nobody who waits keeps another one waiting.
class PairAverage {
 public:
  explicit PairAverage(std::vector<float> values) : values_(std::move(values)) {}
  virtual ~PairAverage() = default;

  const std::vector<float>& values() const { return values_; }
  /// What this rank has learned. Not while it asks.
  void move(std::span<const float> movement);
  /// Begins an average with `other`, which ends when asks() is false again.
  void ask(int other, Outbox& out);
  bool asks() const { return asked_ >= 0; }
  /// A frame of Kind::pair.
  void receive(const Frame& frame, Outbox& out);

  std::uint64_t averages() const { return averages_; }  ///< that changed the values here
  std::uint64_t refused() const { return refused_; }    ///< own questions

 protected:
  /// Another one asks while this rank waits for an answer itself. Virtual, as the next, for the negative controls of the tests.
  virtual void busy(const Frame& question, Outbox& out);
  /// What who was asked has after an average.
  virtual void take_over(std::span<const float> mean) { values_.assign(mean.begin(), mean.end()); }
  void answer(const Frame& question, Outbox& out);
  int asked() const { return asked_; }

 private:
  std::vector<float> mean_with(std::span<const float> theirs) const;

  std::vector<float> values_;
  int asked_ = -1;
  std::uint64_t averages_ = 0, refused_ = 0;
};

}  // namespace sounder::mpi
