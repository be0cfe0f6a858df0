#include "gradients/shard_order.hpp"

#include <sounder/data/random.hpp>
#include <sounder/mpi/data.hpp>

namespace sounder::mpi {
namespace {

constexpr std::uint64_t kStream = 0x5348415244ull << 24;  // "SHARD": no other use of the seed draws from it

/// The place of i in a random order of [0, count), without a table: a walk through a Feistel network over the next power of four
/// until it falls into the range (Black, Rogaway, "Ciphers with arbitrary finite domains", 2002).
std::size_t permuted(std::size_t i, std::size_t count, std::uint64_t seed, std::uint64_t stream) {
  unsigned half = 1;
  while ((std::size_t{1} << 2 * half) < count) ++half;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  Random random(seed, stream);
  const std::uint64_t keys[4] = {random.next(), random.next(), random.next(), random.next()};
  std::uint64_t at = i;
  do {
    std::uint64_t left = at >> half, right = at & mask;
    for (const std::uint64_t key : keys) {
      std::uint64_t mixed = (right + key) * 0x9E3779B97F4A7C15ull;
      mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93ull;
      left ^= (mixed >> 32) & mask;
      std::swap(left, right);
    }
    at = left << half | right;
  } while (at >= count);
  return static_cast<std::size_t>(at);
}

}  // namespace

Range slice_of_shard(int shard, std::size_t size, std::size_t round, std::size_t rounds, std::uint64_t seed, std::uint64_t epoch) {
  const auto stream = kStream + epoch * kVirtualShards + static_cast<std::uint64_t>(shard);
  const std::size_t slice = permuted(round, rounds, seed, stream);
  return {size * slice / rounds, size * (slice + 1) / rounds};
}

}  // namespace sounder::mpi
