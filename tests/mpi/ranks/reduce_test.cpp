// Reducers over MPI.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include <sounder/data/random.hpp>

#include "collectives.hpp"
#include "ranks.hpp"
#include "reduce/reducer.hpp"

using namespace sounder;
using namespace sounder::mpi;
using sounder::test::world;

namespace {

std::vector<float> part_of(int rank, std::size_t size) {
  Random random(7, static_cast<std::uint64_t>(rank));
  std::vector<float> vector;
  for (std::size_t i = 0; i < size; ++i) vector.push_back(static_cast<float>(random.normal()));
  return vector;
}

/// Whether all ranks hold the same bytes.
bool alike(const std::vector<float>& mine) {
  bool same = true;
  for (const Payload& theirs : all_gather(world().endpoint(), Payload::of(mine)))
    same &= std::equal(theirs.as<float>().begin(), theirs.as<float>().end(), mine.begin(), mine.end());
  return same;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("over MPI, MPI's allreduce and the ring give the sum, to rounding the same, and each the same bytes on all ranks") {
    const auto ring = make_reducer(ReducerName::ring, world().endpoint()), mpi = make_reducer(ReducerName::mpi, world().endpoint());
    for (const std::size_t size : {0, 1, 3, 1000, 300'001}) {
      CAPTURE(size);
      std::vector<float> by_ring = part_of(world().rank(), size), by_mpi = by_ring;
      for (int again = 0; again < 2; ++again) {  // a reducer is used round after round
        by_ring = by_mpi = part_of(world().rank(), size);
        ring->sum(by_ring);
        mpi->sum(by_mpi);
      }
      std::vector<double> sum(size), sizes(size);
      for (int rank = 0; rank < world().size(); ++rank) {
        const std::vector<float> part = part_of(rank, size);
        for (std::size_t i = 0; i < size; ++i) sum[i] += static_cast<double>(part[i]), sizes[i] += std::abs(static_cast<double>(part[i]));
      }
      std::size_t wrong = 0, apart = 0;
      for (std::size_t i = 0; i < size; ++i) {
        const double rounding = 1e-6 * (sizes[i] + 1e-30);
        wrong += std::abs(static_cast<double>(by_mpi[i]) - sum[i]) > rounding;
        apart += std::abs(static_cast<double>(by_mpi[i]) - static_cast<double>(by_ring[i])) > 2 * rounding;
      }
      CHECK(wrong == 0);
      CHECK(apart == 0);
      CHECK(alike(by_ring));
      CHECK(alike(by_mpi));
    }
    // Comparing can fail: what no reducer has added up is not alike.
    if (world().size() > 1) CHECK(!alike(part_of(world().rank(), 3)));
  }
}
