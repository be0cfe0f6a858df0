// Reducer `double-ring`: one half of the vector goes around to the right, the other to the left, at the same time.
// On links that send and receive at once it takes half of a ring's time; where all share one bus, as long.
// Source: "Dive into Deep Learning", section 12.7, on the NVLink rings of a machine with 8 GPUs.
#include <algorithm>
#include <numeric>

#include "reduce/circle.hpp"
#include "reduce/walked.hpp"

namespace sounder::mpi {
namespace {

class DoubleRing final : public WalkedReducer {
 public:
  DoubleRing(Endpoint& endpoint, std::size_t chunk_bytes) : WalkedReducer(endpoint, "a sum around two rings"), chunk_(floats_of_chunk(chunk_bytes)) {}

  std::vector<Walk> walks_of(Walks& walks, std::span<float> vector) const override {
    const auto size = static_cast<std::size_t>(endpoint_.size()), own = static_cast<std::size_t>(endpoint_.rank());
    std::vector<int> right(size);
    std::iota(right.begin(), right.end(), 0);
    const std::vector<int> left(right.rbegin(), right.rend());
    const std::size_t half = vector.size() / 2;
    std::vector<Walk> all;
    all.push_back(circle(Lane(walks), vector.first(half), right, own, chunk_));
    all.push_back(circle(Lane(walks), vector.subspan(half), left, size - 1 - own, chunk_));
    return all;
  }

 private:
  std::size_t chunk_;  ///< in floats
};

}  // namespace

std::unique_ptr<Reducer> make_double_ring(Endpoint& endpoint, std::size_t chunk_bytes) {
  return std::make_unique<DoubleRing>(endpoint, chunk_bytes);
}

}  // namespace sounder::mpi
