// How many examples a round has.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sounder/mpi/options.hpp>
#include <sounder/options.hpp>

namespace sounder::mpi {

/// Examples of a round, over all ranks: --batch, or what is good for the mode on a set of `all_examples`. At least 1; the whole set
/// for `--batch all`.
std::size_t batch_of(const sounder::Options& options, const Options& between, std::uint64_t all_examples);

/// Rounds of an epoch in lockstep: so many that none has more examples than a batch. Every rank cuts its own examples into as many
/// rounds; they are about equally long.
std::size_t rounds_of_epoch(std::uint64_t all_examples, std::size_t batch);

}  // namespace sounder::mpi
