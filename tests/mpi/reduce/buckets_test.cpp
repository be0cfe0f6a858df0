// Sums piece by piece, while other pieces are written.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include <sounder/error.hpp>
#include <sounder/mpi/world.hpp>

#include "collectives.hpp"
#include "reduce/buckets.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

std::unique_ptr<WalkedReducer> walked_ring(Endpoint& endpoint) {
  return std::unique_ptr<WalkedReducer>(dynamic_cast<WalkedReducer*>(make_ring(endpoint, 64).release()));
}

std::uint64_t bytes_sent(const Endpoint& endpoint) {
  std::uint64_t sum = 0;
  for (const Link& link : endpoint.links()) sum += link.bytes_sent;
  return sum;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("pieces add up while others are written, round after round, in whatever order each rank announces them") {
    for (const int ranks : {1, 2, 3, 4})
      World::run_inproc(ranks, [&](World& world) {
        Buckets buckets(world.endpoint(), walked_ring(world.endpoint()), {3, 50, 51, 300, 700});
        const float sum = static_cast<float>(ranks * (ranks + 1) / 2);
        for (int round = 1; round <= 20; ++round) {
          buckets.open();
          for (std::size_t k = 0; k < buckets.count(); ++k) {
            const std::size_t i = (k + static_cast<std::size_t>(world.rank() * round)) % buckets.count();
            std::ranges::fill(buckets[i], static_cast<float>(round * (world.rank() + 1)));
            buckets.announce(i);
          }
          for (std::size_t i = 0; i < buckets.count(); ++i)
            CHECK(std::ranges::all_of(buckets.await(i), [&](float x) { return x == static_cast<float>(round) * sum; }));
        }
      });
  }

  TEST_CASE("a piece sets out when the last but one before it has come: what is needed first does not share the link with all") {
    constexpr std::size_t kFloats = 100'000;
    World::run_inproc(2, [&](World& world) {
      Endpoint& endpoint = world.endpoint();
      Buckets buckets(endpoint, walked_ring(endpoint), {10, 20, 20 + kFloats});
      const std::uint64_t before = bytes_sent(endpoint);
      buckets.open();
      buckets.announce(1);
      buckets.announce(2);
      buckets.await(1);
      barrier(endpoint);
      CHECK(bytes_sent(endpoint) - before < kFloats);
      buckets.announce(0);
      buckets.await(0);
      buckets.await(2);
      CHECK(bytes_sent(endpoint) - before > kFloats * sizeof(float));
      barrier(endpoint);
    });
  }

  TEST_CASE("who leaves pieces that are under way ends the run of all, and says so") {
    std::string said;
    try {
      World::run_inproc(2, [&](World& world) {
        Buckets buckets(world.endpoint(), walked_ring(world.endpoint()), {100, 200, 300, 400});
        buckets.open();
        for (std::size_t i = 0; i < buckets.count(); ++i)
          if (world.rank() == 0 || i > 0) buckets.announce(i);
        if (world.rank() == 0) buckets.await(0);
      });
    } catch (const Error& error) {
      said = error.what();
    }
    CHECK(said.find("rank 1 has left a sum that was under way") != std::string::npos);
  }
}
