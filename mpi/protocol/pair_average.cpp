#include "protocol/pair_average.hpp"

#include <utility>

namespace sounder::mpi {
namespace {

enum Detail : std::uint64_t { kAsk, kMean, kBusy };

Header header_of(Detail detail) { return {.kind = Kind::pair, .channel = Channel::gossip, .detail = detail}; }

}  // namespace

void PairAverage::move(std::span<const float> movement) {
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i] += movement[i];
}

void PairAverage::ask(int other, Outbox& out) {
  asked_ = other;
  out.send(other, header_of(kAsk), Payload::of(values_));
}

std::vector<float> PairAverage::mean_with(std::span<const float> theirs) const {
  std::vector<float> mean(values_.size());
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = 0.5f * (values_[i] + theirs[i]);  // the same bits from either side
  return mean;
}

void PairAverage::receive(const Frame& frame, Outbox& out) {
  const auto values = frame.payload.as<float>();
  if (frame.header.detail == kAsk && asked_ < 0) return answer(frame, out);
  if (frame.header.detail == kAsk && asked_ != frame.header.source) return busy(frame, out);
  if (frame.header.detail == kBusy) {
    ++refused_;
  } else {
    values_ = frame.header.detail == kAsk ? mean_with(values) : std::vector<float>(values.begin(), values.end());
    ++averages_;
  }
  asked_ = -1;
}

void PairAverage::answer(const Frame& question, Outbox& out) {
  std::vector<float> mean = mean_with(question.payload.as<float>());
  take_over(mean);
  ++averages_;
  out.send(question.header.source, header_of(kMean), Payload::of(std::move(mean)));
}

void PairAverage::busy(const Frame& question, Outbox& out) { out.send(question.header.source, header_of(kBusy)); }

}  // namespace sounder::mpi
