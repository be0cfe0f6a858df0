// Reducers over MPI.
#include <doctest/doctest.h>

#include <vector>

#include "mpi/reduce/laws.hpp"
#include "ranks.hpp"
#include "reduce/reducer.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

TEST_SUITE("mpi") {
  TEST_CASE("over MPI every reducer gives the exact sum of whole numbers, and each the same bytes on all ranks") {
    const std::vector<std::size_t> sizes{0, 1, 3, 1000, 300'001};
    for (const auto& name : kReducers) {
      if (name.value == ReducerName::deterministic) continue;
      for (const int ranks_per_node : {0, 1, 2}) {
        if (ranks_per_node > 0 && name.value != ReducerName::hierarchical) continue;
        CAPTURE(name.name);
        CAPTURE(ranks_per_node);
        CHECK(adds_up(world().endpoint(), [&](Endpoint& endpoint) { return make_reducer(name.value, endpoint, {.ranks_per_node = ranks_per_node}); }, sizes));
      }
    }
  }

  TEST_CASE("over MPI a reducer that adds up wrongly on one rank is seen by some rank") {
    if (world().size() == 1) return;
    for (const Mutant::Fault fault : kFaults) {
      const bool good = adds_up(world().endpoint(),
                                [&](Endpoint& endpoint) { return std::make_unique<Mutant>(make_ring(endpoint), fault, endpoint.rank() == 1); }, {1000});
      bool all_good = true;
      for (const Payload& each : all_gather(world().endpoint(), Payload::of(std::vector<char>{good}))) all_good &= each.as<char>()[0] != 0;
      CHECK(!all_good);
    }
  }
}
