// Examples spread over ranks: each reads its part of the source, and keeps the virtual shards that it owns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/data/load.hpp>
#include <sounder/mpi/world.hpp>
#include <sounder/options.hpp>

namespace sounder::mpi {

inline constexpr int kVirtualShards = 64;

/// A rank's share of a set. What depends on all examples (numbering, frequencies, classes, defaults of steps, mean label) is
/// that of the whole set, the same on every rank and for any number of ranks.
struct SharedSet {
  Dataset data;                           ///< this rank's examples, shard by shard; may hold none (a rank that only serves)
  std::vector<std::size_t> shard_begins;  ///< where each of its virtual shards begins in `data`, and the end
  int first_shard = 0;                    ///< number of the first of them; rank r of P workers owns shards 64 r / P ... 64 (r + 1) / P - 1
  std::uint64_t all_examples = 0, all_nonzeros = 0;  ///< of the whole set
  std::string digest;                     ///< of the whole set as it was read, the same for any number of ranks
};

/// Loads a training set. Called by all ranks; ranks `workers`, workers + 1, ... get no examples. Example i of the source is in the
/// virtual shard that `partition` says; the order inside of a shard is drawn from (seed, shard). `extra[s]`: ids of space s that need a
/// row anyway, those of a loaded model. Every rank parses 1/size of a file; of text and images that are not compressed it also reads no
/// more, while gzip and xz are decompressed, and generated sets generated, by every rank. Throws Error, the same sentence on all ranks,
/// with file:line of the first fault.
SharedSet load_train(World& world, int workers, const std::string& source, const LoadOptions& options, PartitionName partition,
                     std::uint64_t seed, const std::vector<std::vector<std::uint32_t>>& extra = {});

/// Held-out data, a part on each worker; in input order within a part, parts in the order of the ranks. It is one shard.
SharedSet load_test(World& world, int workers, const std::string& source, const LoadOptions& options, const SharedSet& train);

}  // namespace sounder::mpi
