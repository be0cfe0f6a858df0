// Sums of vectors over all ranks: one file of this folder for each way, named as its flag.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <sounder/modes.hpp>

#include "endpoint.hpp"

namespace sounder::mpi {

/// Called by all ranks in the same order, by one thread of each.
class Reducer {
 public:
  virtual ~Reducer() = default;
  /// Adds up the vectors of all ranks, which are equally long, in place; all ranks get the same bytes. Which order the sums have
  /// is the reducer's: it may depend on the number of ranks. Throws RankLost.
  virtual void sum(std::span<float> vector) = 0;
};

/// Bytes that travel at once: enough to hide what a frame costs, and several in a vector worth cutting.
inline constexpr std::size_t kChunkBytes = std::size_t{512} << 10;

/// Each rank sends 2 (P - 1) / P of the vector, to its right neighbour only, in chunks of which many are under way.
std::unique_ptr<Reducer> make_ring(Endpoint& endpoint, std::size_t chunk_bytes = kChunkBytes);
/// MPI_Iallreduce of the MPI library. Throws Error where ranks are not processes of an MPI job. Collective.
std::unique_ptr<Reducer> make_mpi_reducer(Endpoint& endpoint);
/// By its flag. `deterministic` is none of vectors: see deterministic.hpp; Error.
std::unique_ptr<Reducer> make_reducer(ReducerName name, Endpoint& endpoint, std::size_t chunk_bytes = kChunkBytes);

}  // namespace sounder::mpi
