// Reducer `ring`: every segment of the vector travels once around to be added up, and once more to be handed out.
// Source: Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", JPDC 2009.
#include <numeric>

#include "reduce/circle.hpp"
#include "reduce/reducer.hpp"

namespace sounder::mpi {
namespace {

class Ring final : public Reducer {
 public:
  Ring(Endpoint& endpoint, std::size_t chunk_bytes) : endpoint_(endpoint), chunk_(floats_of_chunk(chunk_bytes)) {}

  void sum(std::span<float> vector) override {
    std::vector<int> ranks(static_cast<std::size_t>(endpoint_.size()));
    std::iota(ranks.begin(), ranks.end(), 0);
    Walks walks(endpoint_);
    const Walk all[] = {circle(Lane(walks), vector, ranks, static_cast<std::size_t>(endpoint_.rank()), chunk_)};
    walks.run(all, "a sum around the ring");
  }

 private:
  Endpoint& endpoint_;
  std::size_t chunk_;  ///< in floats
};

}  // namespace

std::unique_ptr<Reducer> make_ring(Endpoint& endpoint, std::size_t chunk_bytes) { return std::make_unique<Ring>(endpoint, chunk_bytes); }

}  // namespace sounder::mpi
