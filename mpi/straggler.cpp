#include "straggler.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

constexpr double kMostPareto = 100;
constexpr std::uint64_t kStream = 0x5354524147;  // "STRAG": no other use of the seed draws from it

/// Reads a number from the front of `text`.
bool take_number(std::string_view& text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

}  // namespace

Straggler::Straggler(const std::string& text, double pad_seconds, int ranks, std::uint64_t seed)
    : pad_seconds_(pad_seconds), seed_(seed), of_rank_(static_cast<std::size_t>(ranks), 1.) {
  std::string_view rest = text;
  const auto refuse = [&](const char* why) {
    throw Error(fmt::format("--straggler {} {}: give rank:1=4x, random:p=0.1,10x or pareto:1.5", text, why));
  };
  while (!rest.empty()) {
    double number = 0, multiple = 0;
    if (take(rest, "rank:")) {
      if (!take_number(rest, number) || !take(rest, "=") || !take_number(rest, multiple) || !take(rest, "x")) refuse("cannot be read");
      if (number != std::floor(number) || number < 0 || number >= ranks) refuse("names a rank that there is not");
      of_rank_[static_cast<std::size_t>(number)] = multiple;
    } else if (take(rest, "random:p=")) {
      if (!take_number(rest, number) || !take(rest, ",") || !take_number(rest, multiple) || !take(rest, "x")) refuse("cannot be read");
      if (number < 0 || number > 1) refuse("has no probability from 0 to 1");
      probability_ = number;
      random_multiple_ = multiple;
    } else if (take(rest, "pareto:")) {
      if (!take_number(rest, pareto_)) refuse("cannot be read");
      if (!(pareto_ > 0)) refuse("needs an exponent above 0");
      multiple = 1;
    } else {
      refuse("is unknown");
    }
    if (!(multiple >= 1) || !std::isfinite(multiple)) refuse("needs multiples of 1 or more");
    if (!rest.empty() && !take(rest, ";")) refuse("cannot be read");
  }
  if (!text.empty() && pad_seconds <= 0)
    throw Error(fmt::format("--straggler {} multiplies the length of rounds: give --pad MS too", text));
}

double Straggler::multiple(int rank, std::uint64_t round) const {
  double multiple = of_rank_[static_cast<std::size_t>(rank)];
  if (probability_ <= 0 && pareto_ <= 0) return multiple;
  Random random(seed_, kStream ^ (static_cast<std::uint64_t>(rank) << 48) ^ (round << 8));
  if (random.uniform() < probability_) multiple *= random_multiple_;
  if (pareto_ > 0) multiple *= std::min(kMostPareto, std::pow(1 - random.uniform(), -1 / pareto_));
  return multiple;
}

double Straggler::sleep(int rank, std::uint64_t round, double worked, Time& time, double share) const {
  const double left = share * pad_seconds_ * multiple(rank, round) - worked;
  if (left <= 0) return 0;
  time.sleep(left);
  return left;
}

}  // namespace sounder::mpi
