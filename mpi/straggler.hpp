// Slow ranks on request: how long each round of each rank takes at least.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "time.hpp"

namespace sounder::mpi {

/// Rounds last `pad` seconds times a multiple that a specification draws for (rank, round), the same for the same seed:
///   ""                    1
///   rank:1=4x             rank 1 takes 4 times as long; more after a semicolon: rank:1=4x;rank:3=2x
///   random:p=0.1,10x      every round of every rank takes 10 times as long with probability 0.1
///   pareto:1.5            Pareto-distributed with least value 1 and this exponent, at most 100
class Straggler {
 public:
  /// Throws Error if the text is no specification, or names a rank outside of 0 ... ranks - 1.
  Straggler(const std::string& text, double pad_seconds, int ranks, std::uint64_t seed);

  double multiple(int rank, std::uint64_t round) const;
  /// Sleeps until `pad * multiple` seconds have passed since the local work of the round began `worked` seconds ago, or a share of them.
  /// Returns the seconds slept.
  double sleep(int rank, std::uint64_t round, double worked, Time& time, double share = 1) const;

 private:
  double pad_seconds_;
  std::uint64_t seed_;
  std::vector<double> of_rank_;
  double probability_ = 0, random_multiple_ = 1, pareto_ = 0;
};

}  // namespace sounder::mpi
