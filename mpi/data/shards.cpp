#include "data/shards.hpp"

#include <xxhash.h>

namespace sounder::mpi {

int shard_of(std::uint64_t index, std::uint64_t examples, PartitionName partition, int workers) {
  constexpr std::uint64_t kSeed = 0x5348415244;  // "SHARD": fixed, so that a shard holds the same examples in every run
  const auto shards = static_cast<std::uint64_t>(shards_of(workers));
  const std::uint64_t number = partition == PartitionName::hash ? XXH64(&index, sizeof index, kSeed) % shards : index * shards / examples;
  return static_cast<int>(number);
}

}  // namespace sounder::mpi
