// Which examples of a virtual shard a batch takes.
#include <doctest/doctest.h>

#include <vector>

#include "gradients/shard_order.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

std::vector<std::size_t> begins(int shard, std::size_t size, std::size_t rounds, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::size_t> all;
  for (std::size_t round = 0; round < rounds; ++round) all.push_back(slice_of_shard(shard, size, round, rounds, seed, epoch).begin);
  return all;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("the rounds of an epoch visit each example of a shard once") {
    for (const std::size_t size : {0, 1, 5, 64, 77})
      for (const std::size_t rounds : {1, 2, 3, 16, 17, 100}) {
        std::vector<int> visits(size);
        for (std::size_t round = 0; round < rounds; ++round) {
          const Range range = slice_of_shard(3, size, round, rounds, 1, 5);
          for (std::size_t i = range.begin; i < range.end; ++i) ++visits[i];
        }
        CHECK(visits == std::vector<int>(size, 1));
      }
  }

  TEST_CASE("the order differs from shard to shard, from epoch to epoch and from seed to seed") {
    const auto order = begins(3, 1000, 50, 1, 5);
    CHECK(order == begins(3, 1000, 50, 1, 5));
    CHECK(order != begins(4, 1000, 50, 1, 5));
    CHECK(order != begins(3, 1000, 50, 1, 6));
    CHECK(order != begins(3, 1000, 50, 2, 5));
  }
}
