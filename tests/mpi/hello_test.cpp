// What must be equal on all ranks.
#include <doctest/doctest.h>

#include <mutex>
#include <set>

#include <sounder/error.hpp>
#include <sounder/mpi/world.hpp>

#include "hello.hpp"

using namespace sounder::mpi;

namespace {

/// The sentences that ranks threw, each of which calls check_same with facts_of(rank).
template <class F>
std::multiset<std::string> complaints(int ranks, F facts_of) {
  std::mutex mutex;
  std::multiset<std::string> complaints;
  World::run_inproc(ranks, [&](World& world) {
    try {
      check_same(world.endpoint(), facts_of(world.rank()));
    } catch (const sounder::Error& error) {
      const std::lock_guard lock(mutex);
      complaints.insert(error.what());
    }
  });
  return complaints;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("ranks with the same facts go on") {
    CHECK(complaints(3, [](int) { return Facts{{"--batch", "64"}, {"data", "0123"}}; }).empty());
    CHECK(complaints(1, [](int) { return Facts{}; }).empty());
  }

  TEST_CASE("a fact that differs is named with its values and ranks, the same on every rank") {
    const auto told = complaints(3, [](int rank) { return Facts{{"--batch", rank == 1 ? "128" : "64"}, {"data", "0123"}}; });
    REQUIRE(told.size() == 3);
    const std::string sentence = "--batch is not the same on all ranks: 128 on rank 1, 64 on ranks 0, 2; start all ranks alike";
    CHECK(told.count(sentence) == 3);
  }

  TEST_CASE("a fact that a rank does not have differs") {
    const auto told = complaints(2, [](int rank) { return rank == 0 ? Facts{{"--audit", "yes"}} : Facts{}; });
    CHECK(told.count("--audit is not the same on all ranks: absent on rank 1, yes on rank 0; start all ranks alike") == 2);
  }
}
