#include "protocol/push_sum.hpp"

#include <algorithm>
#include <bit>

namespace sounder::mpi {

void PushSum::give(std::span<const float> z, std::span<const int> targets, std::uint64_t clock, Outbox& out) {
  if (targets.empty()) return;
  const double part = weight_ / static_cast<double>(targets.size() + 1);
  const Payload mass = Payload::filled(z.size_bytes(), [&](std::span<std::byte> to) {
    auto* const floats = reinterpret_cast<float*>(to.data());
    for (std::size_t i = 0; i < z.size(); ++i) floats[i] = static_cast<float>(part * static_cast<double>(z[i]));
  });
  for (const int target : targets)
    out.send(target, {.kind = Kind::parameters, .channel = Channel::gossip, .tag = clock, .clock = clock, .more = std::bit_cast<std::uint64_t>(part)},
             mass);
  weight_ *= kept(targets.size());
}

void PushSum::take(const Frame& frame) {
  const auto given = frame.payload.as<float>();
  for (std::size_t i = 0; i < mass_.size(); ++i) mass_[i] += given[i];
  waiting_ += weight_of(frame.header);
  ++parts_;
}

double PushSum::weight_of(const Header& header) const { return std::bit_cast<double>(header.more); }

std::uint64_t PushSum::merge(std::span<float> z) {
  const std::uint64_t parts = parts_;
  const double all = weight_ + waiting_;
  if (parts > 0 && all > 0) {
    for (std::size_t i = 0; i < z.size(); ++i)
      z[i] = static_cast<float>((weight_ * static_cast<double>(z[i]) + static_cast<double>(mass_[i])) / all);
    std::ranges::fill(mass_, 0.f);
  }
  weight_ = all;
  waiting_ = 0;
  parts_ = 0;
  return parts;
}

}  // namespace sounder::mpi
