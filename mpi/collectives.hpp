// Small collective operations, over any transport: for starting, agreeing and ending, not for the hot path.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sounder/error.hpp>

#include "endpoint.hpp"

namespace sounder::mpi {

/// Each is called by all ranks in the same order, by one thread of each, and waits for the others. Throws RankLost.
void barrier(Endpoint& endpoint);
/// What each rank gave, by rank.
std::vector<Payload> all_gather(Endpoint& endpoint, Payload mine);
/// The same on rank `root`, and nothing elsewhere.
std::vector<Payload> gather(Endpoint& endpoint, int root, Payload mine);
/// What `root` gave.
Payload broadcast(Endpoint& endpoint, int root, Payload mine);
/// What each rank gave for this one, by rank; `to[r]` goes to rank r.
std::vector<Payload> all_to_all(Endpoint& endpoint, std::vector<Payload> to);

/// What make() returns: where all ranks live in one process and take turns, that of rank 0, the very object, or an Error of what it throws there.
template <class T, class Make>
std::shared_ptr<const T> one_for_all(Endpoint& endpoint, const Make& make) {
  if (!endpoint.transport().turns()) return std::make_shared<const T>(make());
  struct Made {
    std::optional<T> value;
    std::string error;
  };
  Payload told;
  if (endpoint.rank() == 0) {
    auto made = std::make_shared<Made>();
    try {
      made->value.emplace(make());
    } catch (const std::exception& error) {
      made->error = error.what();
    }
    const auto bytes = std::as_bytes(std::span(made.get(), 1));
    told = Payload(bytes, std::move(made));
  }
  const auto all = std::static_pointer_cast<const Made>(broadcast(endpoint, 0, std::move(told)).keeper());
  if (!all->value) throw Error(all->error);
  return {all, &*all->value};
}

/// What all ranks have made alike: one of them, where they take turns.
template <class T>
std::shared_ptr<const T> one_of_all(Endpoint& endpoint, T own) {
  return one_for_all<T>(endpoint, [&own] { return std::move(own); });
}

/// The sum over the ranks, added in the order of the ranks: the same bits everywhere.
template <class T>
std::vector<T> all_sum(Endpoint& endpoint, std::span<const T> mine) {
  std::vector<T> sum(mine.size());
  for (const Payload& part : all_gather(endpoint, Payload::of(std::vector<T>(mine.begin(), mine.end()))))
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = static_cast<T>(sum[i] + part.as<T>()[i]);
  return sum;
}

}  // namespace sounder::mpi
