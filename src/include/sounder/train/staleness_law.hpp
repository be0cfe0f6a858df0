// The law that the staleness of simulated updates is drawn from.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <sounder/data/random.hpp>
#include <sounder/modes.hpp>

namespace sounder {

/// A distribution over the whole numbers 0, 1, ... Unit: updates.
class StalenessLaw {
 public:
  /// 0 with chance 1.
  StalenessLaw() = default;
  static StalenessLaw fixed(std::uint64_t tau) { return uniform(tau, tau); }
  static StalenessLaw uniform(std::uint64_t low, std::uint64_t high);
  /// tau with chance p (1 - p)^tau, where p = 1 / (1 + mean).
  static StalenessLaw geometric(double mean);
  /// Pairs of tau and how often it was seen. Throws Error if nothing was seen.
  static StalenessLaw histogram(std::vector<std::pair<std::uint64_t, std::uint64_t>> counts);

  /// "fixed:N", "uniform:LO..HI", "geometric:MEAN" or "histogram:FILE", as kTaus says. The file holds lines of
  /// "tau count" (from # on: a comment), or records of a run, of which the last that has
  /// {"staleness": {"histogram": [[tau, count], ...]}} counts. Throws Error naming the text, or the file and line.
  static StalenessLaw parse(const std::string& text);

  std::uint64_t draw(Random& random) const;
  double mean() const;

 private:
  TauName name_ = TauName::uniform;
  std::uint64_t low_ = 0, high_ = 0;                             ///< uniform
  double mean_ = 0;                                              ///< geometric
  std::vector<std::pair<std::uint64_t, std::uint64_t>> sums_{};  ///< histogram: tau, and the counts up to it
};

}  // namespace sounder
