#include "protocol/backup.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sounder::mpi {
namespace {

Payload payload_of(const BackupServer::Verdict& verdict) {
  std::vector<std::int32_t> words{static_cast<std::int32_t>(verdict.counted.size()), static_cast<std::int32_t>(verdict.evicted.size())};
  words.insert(words.end(), verdict.counted.begin(), verdict.counted.end());
  words.insert(words.end(), verdict.evicted.begin(), verdict.evicted.end());
  return Payload::of(std::move(words));
}

}  // namespace

BackupServer::Verdict BackupServer::verdict_of(const Payload& payload) {
  const auto words = payload.as<std::int32_t>();
  const auto at = [&](std::int32_t i) { return words.begin() + 2 + i; };
  return {.counted = {at(0), at(words[0])}, .evicted = {at(words[0]), at(words[0] + words[1])}};
}

BackupServer::BackupServer(Plan plan, Add add)
    : plan_(std::move(plan)), add_(std::move(add)), members_(plan_.members.begin(), plan_.members.end()) {}

void BackupServer::receive(const Frame& frame, Outbox& out) {
  const Header& header = frame.header;
  if (header.kind == Kind::advanced) {
    Step& step = steps_[header.clock];
    step.verdict = verdict_of(frame.payload);
    step.decision = frame.payload;
    step.more = header.more;
    for (const int rank : step.verdict->evicted) members_.erase(rank);
  } else if (header.detail == kGoodbye) {
    ++goodbyes_;
    left_.insert(header.source);
  } else if (const std::uint64_t number = step_of(header); number >= closed()) {  // else it is late, and let go
    Step& step = steps_[number];
    step.gradients.insert_or_assign(header.source, frame);
    if (members_.contains(header.source)) step.order.push_back(header.source);
  }
  if (plan_.rank == 0) decide(header.kind == Kind::push && header.detail == kGoodbye, out);
  close(out);
}

void BackupServer::decide(bool goodbye, Outbox& out) {
  const auto needed = static_cast<std::size_t>(plan_.needed);
  const Step& step = steps_[decided_];
  if (step.order.size() >= needed) {
    Verdict verdict{.counted = {step.order.begin(), step.order.begin() + plan_.needed}, .evicted = {}};
    std::ranges::sort(verdict.counted);
    for (const int rank : std::vector(members_.begin(), members_.end())) {
      int& missed = missed_[rank];
      missed = std::ranges::binary_search(verdict.counted, rank) ? 0 : missed + 1;
      if (plan_.evict_after == 0 || missed < plan_.evict_after || members_.size() == needed) continue;
      verdict.evicted.push_back(rank);
      members_.erase(rank);
    }
    declare(std::move(verdict), step.gradients.at(step.order.front()).header.more, out);
    return;
  }
  // Training is over where too few are left: fewer gradients than needed never count. An empty step lets go who waits: who has given a
  // gradient, or was taken out. All ranks are told of it, so that one for each that leaves would be P x P messages.
  const bool waits = !step.order.empty() || (goodbye && members_.size() < plan_.members.size());
  const auto gone = static_cast<std::size_t>(std::ranges::count_if(members_, [&](int rank) { return left_.contains(rank); }));
  if (waits && members_.size() - gone < needed) declare({}, 0, out);
}

void BackupServer::declare(Verdict verdict, std::uint64_t more, Outbox& out) {
  const Payload payload = payload_of(verdict);
  for (int rank = 0; rank < plan_.ranks; ++rank)
    out.send(rank, {.kind = Kind::advanced, .channel = Channel::bulk, .clock = decided_, .detail = verdict.counted.size(), .more = more}, payload);
  ++decided_;
}

void BackupServer::close(Outbox& out) {
  for (;;) {
    const std::uint64_t number = closed();
    const auto found = steps_.find(number);
    if (found == steps_.end() || !found->second.verdict) return;
    const Step& step = found->second;
    if (plan_.rank >= plan_.owners) {
      steps_.erase(found);
      closed_.store(number + 1, std::memory_order_release);
      continue;
    }
    if (!missing(number).empty()) return;
    std::vector<Payload> gradients;
    std::uint64_t strangers = 0;
    for (const int rank : step.verdict->counted) {
      const Frame& frame = step.gradients.at(rank);
      strangers += frame.header.clock != number;
      gradients.push_back(frame.payload);
    }
    const std::vector<std::byte> sum = gradients.empty() ? std::vector<std::byte>() : add_(gradients);
    const Payload payload = Payload::filled(step.decision.size() + sum.size(), [&](std::span<std::byte> to) {
      std::memcpy(to.data(), step.decision.bytes().data(), step.decision.size());
      if (!sum.empty()) std::memcpy(to.data() + step.decision.size(), sum.data(), sum.size());
    });
    for (int rank = 0; rank < plan_.ranks; ++rank)
      out.send(rank, {.kind = Kind::values, .channel = Channel::bulk, .tag = number, .clock = number, .detail = strangers, .more = step.more},
               payload);
    steps_.erase(found);
    closed_.store(number + 1, std::memory_order_release);
  }
}

std::vector<int> BackupServer::missing(std::uint64_t number) const {
  const auto found = steps_.find(number);
  std::vector<int> ranks(members_.begin(), members_.end());
  if (found == steps_.end()) return ranks;
  if (found->second.verdict) ranks.assign(found->second.verdict->counted.begin(), found->second.verdict->counted.end());
  std::erase_if(ranks, [&](int rank) { return found->second.gradients.contains(rank); });
  return ranks;
}

}  // namespace sounder::mpi
