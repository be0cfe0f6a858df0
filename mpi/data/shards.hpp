// Which example is in which virtual shard, and who owns it.
#pragma once

#include <cstdint>

#include <sounder/modes.hpp>
#include <sounder/mpi/data.hpp>

namespace sounder::mpi {

/// The virtual shard of example `index` of `examples`.
int shard_of(std::uint64_t index, std::uint64_t examples, PartitionName partition);

/// The first shard of a worker; of worker `workers`: their number.
constexpr int first_shard_of(int worker, int workers) { return kVirtualShards * worker / workers; }
/// The worker that owns a shard.
constexpr int owner_of(int shard, int workers) { return ((shard + 1) * workers - 1) / kVirtualShards; }

}  // namespace sounder::mpi
