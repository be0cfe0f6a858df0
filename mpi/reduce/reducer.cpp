#include "reduce/reducer.hpp"

#include <sounder/error.hpp>

namespace sounder::mpi {

std::unique_ptr<Reducer> make_reducer(ReducerName name, Endpoint& endpoint, const ReducerOptions& options) {
  switch (name) {
    case ReducerName::ring: return make_ring(endpoint, options.chunk_bytes);
    case ReducerName::double_ring: return make_double_ring(endpoint, options.chunk_bytes);
    case ReducerName::tree: return make_tree(endpoint, options.chunk_bytes);
    case ReducerName::hierarchical: return make_hierarchical(endpoint, options);
    case ReducerName::mpi: return make_mpi_reducer(endpoint);
    case ReducerName::deterministic: break;
  }
  throw Error("--reducer deterministic adds up virtual shards, not vectors: give --reducer ring or mpi here");
}

}  // namespace sounder::mpi
