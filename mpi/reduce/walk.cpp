#include "reduce/walk.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::mpi {

Walks::Walks(Endpoint& endpoint)
    : endpoint_(endpoint), copies_(endpoint.transport().hands_over()), lent_(std::make_shared<const char>()) {}

void Walks::stop() {
  if (!begun_ || std::exchange(over_, true)) return;
  endpoint_.fail(fmt::format("rank {} has left a sum that was under way", endpoint_.rank()));
  endpoint_.drop(poller_);
}

void Walks::run(std::span<const Walk> walks, std::string_view what) {
  begin(walks);
  end(what);
}

void Walks::begin(std::span<const Walk> walks, std::function<bool()> may_begin) {
  walks_ = walks;
  may_begin_ = std::move(may_begin);
  begun_ = true;
  endpoint_.begin(poller_);
}

void Walks::end(std::string_view what) {
  const auto missing = [this] {
    std::vector<int> ranks;
    for (const Waiter& waiter : waiters_) ranks.push_back(waiter.from);
    std::ranges::sort(ranks);
    ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
    return ranks;
  };
  over_ = true;
  try {
    endpoint_.end(poller_, {.what = what, .clock = 0, .on = missing});
  } catch (const std::exception& error) {
    // Ends all sends, as the memory is the caller's: after a failure the communication thread leaves the library alone.
    endpoint_.fail(error.what());
    endpoint_.run([] {});
    throw;
  }
}

/// One chunk for each walk, so that what they send leaves before the next.
Step Walks::step() {
  if (!set_out_ && may_begin_ && !may_begin_()) return Step::nothing;
  bool moved = !set_out_;
  if (!set_out_) {
    set_out_ = true;
    for (const Walk& walk : walks_) walk.begin();
  }
  looking_.swap(waiters_);  // walks that are resumed wait anew
  for (const Waiter& waiter : looking_) {
    if (std::optional<Frame> frame = endpoint_.take(waiter.from, Kind::mail, waiter.tag)) {
      *waiter.to = std::move(frame->payload);
      waiter.walk.resume();
      moved = true;
    } else {
      waiters_.push_back(waiter);
    }
  }
  looking_.clear();
  bool ended = true;
  for (const Walk& walk : walks_) ended &= walk.ended();
  if (ended && lent_.use_count() == 1) return Step::done;
  return moved ? Step::moved : Step::nothing;
}

Payload Lane::lend(std::span<const float> chunk) const {
  return walks_.copies_ ? Payload::copy(chunk) : Payload(std::as_bytes(chunk), walks_.lent_);
}

void Lane::send(int to, Payload payload) const {
  walks_.endpoint_.send(to, {.kind = Kind::mail, .channel = Channel::collective, .tag = tag_}, std::move(payload));
}

std::vector<std::span<float>> chunks_of(std::span<float> vector, std::size_t at, std::size_t parts, std::size_t chunk_floats) {
  std::vector<std::span<float>> chunks;
  const std::size_t end = vector.size() * (at + 1) / parts;
  for (std::size_t i = vector.size() * at / parts; i < end; i += chunk_floats) chunks.push_back(vector.subspan(i, std::min(chunk_floats, end - i)));
  return chunks;
}

const float* floats_of(const Payload& sum, std::size_t floats) {
  if (sum.size() != floats * sizeof(float)) throw Error("ranks add up vectors of different lengths: run the same program on all ranks");
  return sum.as<float>().data();
}

void add_to(std::span<float> chunk, const Payload& sum) {
  const float* const from = floats_of(sum, chunk.size());
  float* const to = chunk.data();
  for (std::size_t i = 0; i < chunk.size(); ++i) to[i] += from[i];
}

void copy_to(std::span<float> chunk, const Payload& sum) { std::copy_n(floats_of(sum, chunk.size()), chunk.size(), chunk.data()); }

}  // namespace sounder::mpi
