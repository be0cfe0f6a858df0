// Small collective operations, over any transport: for starting, agreeing and ending, not for the hot path.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "endpoint.hpp"

namespace sounder::mpi {

/// Each is called by all ranks in the same order, by one thread of each, and waits for the others. Throws RankLost.
void barrier(Endpoint& endpoint);
/// What each rank gave, by rank.
std::vector<Payload> all_gather(Endpoint& endpoint, Payload mine);
/// What `root` gave.
Payload broadcast(Endpoint& endpoint, int root, Payload mine);
/// What each rank gave for this one, by rank; `to[r]` goes to rank r.
std::vector<Payload> all_to_all(Endpoint& endpoint, std::vector<Payload> to);

/// The sum over the ranks, added in the order of the ranks: the same bits everywhere.
template <class T>
std::vector<T> all_sum(Endpoint& endpoint, std::span<const T> mine) {
  std::vector<T> sum(mine.size());
  for (const Payload& part : all_gather(endpoint, Payload::of(std::vector<T>(mine.begin(), mine.end()))))
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = static_cast<T>(sum[i] + part.as<T>()[i]);
  return sum;
}

}  // namespace sounder::mpi
