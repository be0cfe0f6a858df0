// Examples sent from the ranks that read them to the ranks that own their shards.
#pragma once

#include <cstdint>
#include <vector>

#include <sounder/data/columns.hpp>
#include <sounder/modes.hpp>

#include "endpoint.hpp"

namespace sounder::mpi {

/// Where a part stands in the whole set.
struct Place {
  std::uint64_t first = 0;     ///< number of its first example
  std::uint64_t examples = 0;  ///< of the whole set
};

/// What a rank was dealt: its shards one after the other, each in input order.
struct Dealt {
  Columns columns;
  std::vector<std::uint32_t> positions;   ///< of each example in the input
  std::vector<std::size_t> shard_begins;  ///< and the end; {0} where the rank owns none
  int first_shard = 0;
};

/// Called by all ranks with the parts that they have read, which are let go. Ranks `workers` and up are dealt nothing.
Dealt deal(Endpoint& endpoint, Columns part, const Place& place, PartitionName partition, int workers);

}  // namespace sounder::mpi
