// Reducer `ring`: every segment of the vector travels once around to be added up, and once more to be handed out.
// Source: Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", JPDC 2009.
#include <numeric>

#include "reduce/circle.hpp"
#include "reduce/walked.hpp"

namespace sounder::mpi {
namespace {

class Ring final : public WalkedReducer {
 public:
  Ring(Endpoint& endpoint, std::size_t chunk_bytes) : WalkedReducer(endpoint, "a sum around the ring"), chunk_(floats_of_chunk(chunk_bytes)) {}

  std::vector<Walk> walks_of(Walks& walks, std::span<float> vector) const override {
    std::vector<int> ranks(static_cast<std::size_t>(endpoint_.size()));
    std::iota(ranks.begin(), ranks.end(), 0);
    std::vector<Walk> all;
    all.push_back(circle(Lane(walks), vector, ranks, static_cast<std::size_t>(endpoint_.rank()), chunk_));
    return all;
  }

 private:
  std::size_t chunk_;  ///< in floats
};

}  // namespace

std::unique_ptr<Reducer> make_ring(Endpoint& endpoint, std::size_t chunk_bytes) { return std::make_unique<Ring>(endpoint, chunk_bytes); }

}  // namespace sounder::mpi
