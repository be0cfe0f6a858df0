// Mode bsp layer by layer over MPI.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "collectives.hpp"
#include "mpi/bsp_runs.hpp"
#include "mpi/distance.hpp"
#include "ranks.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

TEST_SUITE("mpi") {
  TEST_CASE("over MPI what travels while a gradient is computed changes no bit, and all ranks hold the same") {
    BspCase c{.model = ModelName::mlp, .examples = 256, .batch = 64, .dense = true};
    const Dataset data = c.data();
    c.told.resize(static_cast<std::size_t>(world().size()));
    std::vector<std::vector<float>> runs;
    for (const bool overlap : {true, false}) {
      c.overlap = overlap;
      runs.push_back(c.run_rank(world(), data, 1));
    }
    CHECK(same_bits(runs[0], runs[1]));
    CHECK(distance_of(by_hand(c), runs[0]) < 1e-5);
    for (const Payload& of_rank : all_gather(world().endpoint(), Payload::of(runs[0]))) CHECK(std::ranges::equal(of_rank.as<float>(), runs[0]));
  }
}
