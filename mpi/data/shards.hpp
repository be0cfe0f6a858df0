// Which example is in which virtual shard, and who owns it.
#pragma once

#include <cstdint>

#include <sounder/modes.hpp>
#include <sounder/mpi/data.hpp>

namespace sounder::mpi {

/// How many there are: above kVirtualShards workers, one each. What is in a shard then depends on their number.
constexpr int shards_of(int workers) { return workers > kVirtualShards ? workers : kVirtualShards; }

/// The virtual shard of example `index` of `examples`.
int shard_of(std::uint64_t index, std::uint64_t examples, PartitionName partition, int workers);

/// The first shard of a worker; of worker `workers`: their number.
constexpr int first_shard_of(int worker, int workers) { return shards_of(workers) * worker / workers; }
/// The worker that owns a shard.
constexpr int owner_of(int shard, int workers) { return ((shard + 1) * workers - 1) / shards_of(workers); }

}  // namespace sounder::mpi
