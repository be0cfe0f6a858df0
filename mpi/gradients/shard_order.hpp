// Which examples of a virtual shard a batch takes.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sounder/train/chunk_queue.hpp>

namespace sounder::mpi {

/// Part `round` of an epoch of `rounds` rounds, of a shard of `size` examples: the shard is cut into as many slices, which are
/// permuted anew in each epoch. A function of its arguments alone, whatever the number of ranks; each example comes once an epoch.
Range slice_of_shard(int shard, std::size_t size, std::size_t round, std::size_t rounds, std::uint64_t seed, std::uint64_t epoch);

}  // namespace sounder::mpi
