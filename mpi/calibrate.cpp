#include <sounder/mpi/calibrate.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <sounder/error.hpp>

#include "collectives.hpp"
#include "endpoint.hpp"

namespace sounder::mpi {
namespace {

constexpr int kSmall = 200, kLarge = 20;  ///< messages
constexpr std::size_t kBytes = std::size_t{1} << 20;

/// Half of the seconds that each of so many messages took there and back. On rank 1 alike.
std::vector<double> one_way(Endpoint& endpoint, int messages, std::size_t bytes) {
  std::vector<double> seconds;
  const int other = 1 - endpoint.rank();
  const Payload payload = Payload::of(std::vector<char>(bytes));
  for (int i = 0; i < messages; ++i) {
    const std::uint64_t tag = ~static_cast<std::uint64_t>(i);  // no collective counts so far
    const auto begin = endpoint.time().now();
    if (endpoint.rank() == 0) endpoint.send(other, {.kind = Kind::mail, .channel = Channel::bulk, .tag = tag}, payload);
    static_cast<void>(endpoint.receive(other, Kind::mail, tag, {.what = "a message to measure", .clock = 0, .on = {}}));
    if (endpoint.rank() == 1) endpoint.send(other, {.kind = Kind::mail, .channel = Channel::bulk, .tag = tag}, payload);
    seconds.push_back(std::chrono::duration<double>(endpoint.time().now() - begin).count() / 2);
  }
  std::ranges::sort(seconds);
  return seconds;
}

}  // namespace

SimModel calibrated(World& world, const Result& result) {
  if (world.size() < 2) throw Error("one rank sends no messages that could be measured: calibrate on two or more");
  Endpoint& endpoint = world.endpoint();
  barrier(endpoint);
  SimModel model;
  if (world.rank() < 2) {
    const std::vector<double> small = one_way(endpoint, kSmall, 0), large = one_way(endpoint, kLarge, kBytes);
    // Half of them are later than the median, and some by far, where the machine does something else.
    const double median = small[small.size() / 2], upper = small[small.size() * 84 / 100];
    model.latency_seconds = median;
    model.jitter = std::min(1., std::max(0., upper / median - 1));
    model.bytes_per_second = static_cast<double>(kBytes) / std::max(1e-9, large[large.size() / 2] - median);
  }
  barrier(endpoint);
  if (world.rank() != 0) return model;
  double worked = 0, published = 0, examples = 0, rounds = 0, deviation = 0;
  for (const RankReport& rank : result.ranks) {
    worked += rank.compute_seconds - rank.publish_seconds;
    published += rank.publish_seconds;
    examples += static_cast<double>(rank.examples);
    rounds += static_cast<double>(rank.rounds);
    deviation += rank.compute_deviation * static_cast<double>(rank.rounds);
  }
  if (examples == 0 || rounds == 0) throw Error("nothing was trained, so that nothing can be calibrated: give --epochs 1 or more");
  model.compute_seconds = worked / examples;
  model.round_seconds = published / rounds;
  model.vary = deviation / rounds;
  return model;
}

}  // namespace sounder::mpi
