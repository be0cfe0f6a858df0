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

struct ReducerOptions {
  std::size_t chunk_bytes = kChunkBytes;
  int ranks_per_node = 0;  ///< of hierarchical: so many ranks, one after the other, count as one machine; 0: those with one host name
};

/// Each rank sends 2 (P - 1) / P of the vector, to its right neighbour only, in chunks of which many are under way.
std::unique_ptr<Reducer> make_ring(Endpoint& endpoint, std::size_t chunk_bytes = kChunkBytes);
/// As many bytes, half of them to either neighbour.
std::unique_ptr<Reducer> make_double_ring(Endpoint& endpoint, std::size_t chunk_bytes = kChunkBytes);
/// Whole vectors, to few neighbours: 2 log2 P messages one after the other.
std::unique_ptr<Reducer> make_tree(Endpoint& endpoint, std::size_t chunk_bytes = kChunkBytes);
/// Whole vectors inside of a machine; between N machines 2 (N - 1) / N of one, by one rank of each.
std::unique_ptr<Reducer> make_hierarchical(Endpoint& endpoint, const ReducerOptions& options = {});
/// MPI_Iallreduce of the MPI library. Throws Error where ranks are not processes of an MPI job. Collective.
std::unique_ptr<Reducer> make_mpi_reducer(Endpoint& endpoint);
/// By its flag. `deterministic` is none of vectors: see deterministic.hpp; Error.
std::unique_ptr<Reducer> make_reducer(ReducerName name, Endpoint& endpoint, const ReducerOptions& options = {});

constexpr std::size_t floats_of_chunk(std::size_t chunk_bytes) { return chunk_bytes < sizeof(float) ? 1 : chunk_bytes / sizeof(float); }

}  // namespace sounder::mpi
