// Reducer `tree`: sums go up a binomial tree to rank 0, and what comes out goes down the same way.
// About 2 log2 P messages one after the other instead of a ring's 2 (P - 1): for small vectors on links that are slow to begin. It moves
// no more bytes in all than a ring, but rank 0 sends and receives log2 P times the vector.
// Source: Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH", IJHPCA 2005.
#include <vector>

#include "reduce/walked.hpp"

namespace sounder::mpi {
namespace {

/// A rank's neighbours: its number without its lowest bit is above it; with a lower bit more, below.
struct Place {
  Place(int rank, int ranks) : above(rank & (rank - 1)) {
    for (int bit = 1; (rank & bit) == 0 && rank + bit < ranks; bit *= 2) below.push_back(rank + bit);
  }
  int above;  ///< of rank 0 nobody
  std::vector<int> below;
};

/// Adds what is below, and gives the sum to who is above; rank 0 sends it `down` again.
Walk up(Lane lane, Lane down, std::span<float> vector, int rank, Place place, std::size_t chunk_floats) {
  for (const std::span<float> chunk : chunks_of(vector, 0, 1, chunk_floats)) {
    for (const int child : place.below) {
      const Payload sum = co_await lane.receive(child);
      add_to(chunk, sum);
    }
    if (rank != 0)
      lane.send(place.above, chunk);
    else
      for (const int child : place.below) down.send(child, chunk);
  }
}

/// Of all ranks but 0. A sum that comes down holds this rank's, which therefore has been read.
Walk down(Lane lane, std::span<float> vector, Place place, std::size_t chunk_floats) {
  for (const std::span<float> chunk : chunks_of(vector, 0, 1, chunk_floats)) {
    const Payload sum = co_await lane.receive(place.above);
    for (const int child : place.below) lane.send(child, sum);
    copy_to(chunk, sum);
  }
}

class Tree final : public WalkedReducer {
 public:
  Tree(Endpoint& endpoint, std::size_t chunk_bytes) : WalkedReducer(endpoint, "a sum up and down the tree"), chunk_(floats_of_chunk(chunk_bytes)) {}

  std::vector<Walk> walks_of(Walks& walks, std::span<float> vector) const override {
    const int rank = endpoint_.rank();
    const Place place(rank, endpoint_.size());
    const Lane to_root(walks), to_leaves(walks);
    std::vector<Walk> all;
    all.push_back(up(to_root, to_leaves, vector, rank, place, chunk_));
    if (rank != 0) all.push_back(down(to_leaves, vector, place, chunk_));
    return all;
  }

 private:
  std::size_t chunk_;  ///< in floats
};

}  // namespace

std::unique_ptr<Reducer> make_tree(Endpoint& endpoint, std::size_t chunk_bytes) { return std::make_unique<Tree>(endpoint, chunk_bytes); }

}  // namespace sounder::mpi
