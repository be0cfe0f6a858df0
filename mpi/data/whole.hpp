// What parts that each rank has read say of the whole set, brought to all ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sounder/data/census.hpp>
#include <sounder/data/part.hpp>

#include "data/deal.hpp"
#include "endpoint.hpp"

namespace sounder::mpi {

/// By rank.
std::vector<PartFacts> all_facts(Endpoint& endpoint, const PartFacts& mine);

/// A census without sums. Each id is summed up by one rank, all of whose counts then go to all.
Census all_counted(Endpoint& endpoint, const Columns& part, const Place& place, std::uint64_t nonzeros,
                   const std::vector<std::vector<std::uint32_t>>& extra);

/// The same of a set that is at hand as a whole.
Census counted_whole(const Columns& whole, const std::vector<std::vector<std::uint32_t>>& extra);

/// The sums of all shards, in their order, so that they are the same for any number of ranks.
Sums all_summed(Endpoint& endpoint, const Dealt& dealt);

/// XXH64 over what tells the kind of the set and the sum of the XXH64 of its examples, each with its number. 16 hexadecimal
/// digits: the same for any number of ranks and any partition, but not what Dataset::digest makes of a whole set.
std::string all_digested(Endpoint& endpoint, const Columns& part, const Place& place);

}  // namespace sounder::mpi
