#include "progress.hpp"

#include <algorithm>
#include <numeric>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

constexpr std::uint64_t kGoOn = ~std::uint64_t{0};  ///< Header::more of a report that asks for no stop

}  // namespace

Progress::Progress(Endpoint& endpoint, const Plan& plan, OnPoint on_point, RankObserver& observer)
    : endpoint_(endpoint),
      plan_(plan),
      on_point_(std::move(on_point)),
      observer_(observer),
      begin_(endpoint.time().now()),
      clocks_(static_cast<std::size_t>(plan.workers)),
      bytes_(static_cast<std::size_t>(endpoint.size())) {
  progress_.all_examples = plan.all_examples * static_cast<std::uint64_t>(plan.epochs);
  progress_.examples = plan.all_examples * static_cast<std::uint64_t>(plan.already);
  endpoint_.handle(Kind::point, [this](const Frame& frame) {
    const auto point = static_cast<int>(frame.header.tag);
    on_point_(point);
    points_.store(point, std::memory_order_release);
  });
  endpoint_.handle(Kind::stop, [this](const Frame& frame) {
    reason_.store(static_cast<int>(frame.header.detail), std::memory_order_release);
    stopped_.store(true, std::memory_order_release);
  });
  if (endpoint_.rank() == 0) endpoint_.handle(Kind::progress, [this](const Frame& frame) { count(frame); });
  barrier(endpoint_);
}

Progress::~Progress() {
  for (const Kind kind : {Kind::point, Kind::stop, Kind::progress}) endpoint_.ignore(kind);
}

void Progress::report(std::uint64_t clock, std::uint64_t examples, std::uint64_t bytes_sent, std::optional<Stopped> ask_stop) {
  endpoint_.send(0, {.kind = Kind::progress,
                     .clock = clock,
                     .examples = examples,
                     .detail = bytes_sent,
                     .more = ask_stop ? static_cast<std::uint64_t>(*ask_stop) : kGoOn});
}

void Progress::count(const Frame& frame) {
  const auto source = static_cast<std::size_t>(frame.header.source);
  progress_.examples += frame.header.examples;
  bytes_[source] = frame.header.detail;
  if (source < clocks_.size()) clocks_[source] = frame.header.clock;
  const auto [slowest, fastest] = std::minmax_element(clocks_.begin(), clocks_.end());
  progress_.slowest = static_cast<int>(slowest - clocks_.begin());
  progress_.slowest_clock = *slowest;
  progress_.fastest = static_cast<int>(fastest - clocks_.begin());
  progress_.fastest_clock = *fastest;
  observer_.on_progress(progress_);
  if (!plan_.counts || ended_) return;
  if (frame.header.more != kGoOn) return stop(static_cast<Stopped>(frame.header.more));
  for (int next = static_cast<int>(declared_.size()) + 1;
       next <= plan_.epochs && progress_.examples >= plan_.all_examples * static_cast<std::uint64_t>(next); ++next)
    declare(next);
  if (progress_.examples >= progress_.all_examples) stop(Stopped::epochs);
}

void Progress::declare(int point) {
  {
    const std::lock_guard lock(mutex_);
    declared_.push_back({seconds(), progress_.examples, std::accumulate(bytes_.begin(), bytes_.end(), std::uint64_t{0})});
  }
  for (int rank = 0; rank < endpoint_.size(); ++rank)
    endpoint_.send(rank, {.kind = Kind::point, .tag = static_cast<std::uint64_t>(point)});
}

void Progress::stop(Stopped reason) {
  if (ended_) return;
  ended_ = true;
  for (int rank = 0; rank < endpoint_.size(); ++rank)
    endpoint_.send(rank, {.kind = Kind::stop, .detail = static_cast<std::uint64_t>(reason)});
}

void Progress::end(Stopped reason) {
  endpoint_.run([&] { stop(reason); });
}

std::vector<Progress::Declared> Progress::declared() const {
  const std::lock_guard lock(mutex_);
  return declared_;
}

}  // namespace sounder::mpi
