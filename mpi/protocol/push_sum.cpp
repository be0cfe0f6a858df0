#include "protocol/push_sum.hpp"

#include <algorithm>
#include <bit>

namespace sounder::mpi {
namespace {

/// No part weighs less: its halves would run out of a double's exponents, and the weight be lost.
constexpr double kLeastPart = 0x1p-1000;

/// Shares of weights are numbers near 1 however small the weights are; products of weights and values would not be.
double between(double a, double b, double share_of_b) { return a + (b - a) * share_of_b; }

}  // namespace

void PushSum::give(std::span<const float> z, std::span<const int> targets, std::uint64_t clock, Outbox& out) {
  if (targets.empty()) return;
  const double part = weight_ / static_cast<double>(targets.size() + 1);
  const bool keeps = part < kLeastPart;
  const auto weight = std::bit_cast<std::uint64_t>(keeps ? 0. : part);
  const Payload values = keeps ? Payload() : Payload::copy(z);
  for (const int target : targets)
    out.send(target, {.kind = Kind::parameters, .channel = Channel::gossip, .tag = clock, .clock = clock, .more = weight}, values);
  if (!keeps) weight_ *= kept(targets.size());
}

void PushSum::take(const Frame& frame) {
  const double weight = weight_of(frame.header);
  if (!(weight > 0)) return;
  waiting_ += weight;
  const double share = weight / waiting_;
  const auto given = frame.payload.as<float>();
  if (parts_++ == 0)
    std::copy(given.begin(), given.end(), mean_.begin());
  else
    for (std::size_t i = 0; i < mean_.size(); ++i) mean_[i] = between(mean_[i], static_cast<double>(given[i]), share);
}

double PushSum::weight_of(const Header& header) const { return std::bit_cast<double>(header.more); }

std::uint64_t PushSum::merge(std::span<float> z) {
  const std::uint64_t parts = parts_;
  if (parts == 0) return 0;
  const double all = weight_ + waiting_, share = waiting_ / all;
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = static_cast<float>(between(static_cast<double>(z[i]), mean_[i], share));
  weight_ = all;
  waiting_ = 0;
  parts_ = 0;
  return parts;
}

}  // namespace sounder::mpi
