// Many virtual workers on one thread: what staleness does, without the machine that would cause it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <sounder/train/backend.hpp>
#include <sounder/train/staleness_law.hpp>

namespace sounder {

/// Workers that write one after the other, each from what it read some updates earlier.
///
/// The gradient of update t is computed at the parameters as they were before update t - tau_t, all of them at once
/// (a consistent read), and applied by the rule, with its state as it then is, as update t; none is lost (delayed
/// gradient descent: Agarwal, Duchi 2011). tau_t depends on (seed, t) alone. A round begins with all workers at its
/// start, as after a barrier: tau_t is at most the number of updates before t in the round.
struct Simulation {
  int workers = 1;  ///< 1 to 1,000,000
  /// Unset: workers of equal speed in random order. Each update is of a worker drawn from all, which read at its
  /// last own one: a geometric law with mean workers - 1. One worker equals serial, bit for bit.
  std::optional<StalenessLaw> tau{};
  std::uint64_t seed = 1;

  /// Throws Error naming the flag if the workers are out of range, or too few for the law: by Little's law,
  /// mean(tau) + 1 of them are at work on average.
  void validate() const;
};

class Simulator : public Backend {
 public:
  /// How many of the updates so far had each staleness, from 0 on.
  virtual const std::vector<std::uint64_t>& staleness() const = 0;
};

/// Costs, beside an ordinary run, one copy of each gradient; memory for mean(tau) gradients and 16 bytes an example.
/// Throws Error on what validate() refuses; prepare() throws it for a model without touches().
std::unique_ptr<Simulator> make_simulator(const Simulation& simulation);

}  // namespace sounder
