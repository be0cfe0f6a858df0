#include "reduce/reducer.hpp"

#include <sounder/error.hpp>

namespace sounder::mpi {

std::unique_ptr<Reducer> make_reducer(ReducerName name, Endpoint& endpoint, std::size_t chunk_bytes) {
  switch (name) {
    case ReducerName::ring: return make_ring(endpoint, chunk_bytes);
    case ReducerName::mpi: return make_mpi_reducer(endpoint);
    case ReducerName::deterministic: break;
  }
  throw Error("--reducer deterministic adds up virtual shards, not vectors: give --reducer ring or mpi here");
}

}  // namespace sounder::mpi
