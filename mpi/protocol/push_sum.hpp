// Averages over directed links, on which nobody need answer: a pure state machine, one on each rank.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// A rank holds parameters z and a weight w, 1 at first (0: its start values do not count); its mass is w z. It gives parts of its mass and weight away, keeps the rest,
/// and adds what it is given: z is then the mean of what came together, each part weighted by what it weighs. All that is given arrives
/// somewhere, so the sums of the masses and of the weights over all ranks, with what is under way, stay as they are, whoever tells whom
/// how often: the columns of the matrix of the parts sum to 1, its rows need not. Without the weights, ranks would agree on a mean in which
/// those count for more that many hear from.
///
/// Weights fall as 2^-rounds where a rank gives and is given nothing. So z travels beside the weight, not its product: means are taken with
/// the shares of weights, and a small weight costs no value. One that a double could not halve any more stays whole: the frame then has
/// weight 0 and no payload.
///
/// A frame of Kind::parameters on channel gossip: the payload is z, `more` the weight, `clock` the round of the sender.
class PushSum {
 public:
  explicit PushSum(std::size_t floats, double weight = 1) : weight_(weight), mean_(floats) {}
  virtual ~PushSum() = default;

  double weight() const { return weight_; }
  /// Gives each of `targets` an equal part of what parameters z weigh, and keeps one.
  void give(std::span<const float> z, std::span<const int> targets, std::uint64_t clock, Outbox& out);
  /// What was given to this rank waits until it is merged.
  void take(const Frame& frame);
  /// Puts what waits into z, and returns how many parts that were.
  std::uint64_t merge(std::span<float> z);

 protected:
  /// What a rank keeps of itself when it gives to so many others. Virtual, as the next, for the negative controls of the tests.
  virtual double kept(std::size_t targets) const { return 1 / static_cast<double>(targets + 1); }
  /// The weight of what came with a frame.
  virtual double weight_of(const Header& header) const;

 private:
  double weight_, waiting_ = 0;
  std::uint64_t parts_ = 0;
  std::vector<double> mean_;  ///< of the parts that wait
};

}  // namespace sounder::mpi
