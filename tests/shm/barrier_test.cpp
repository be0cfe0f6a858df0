// Barrier: nobody goes on before all have come, and nobody waits for one who fell.
#include <atomic>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "barrier.hpp"
#include "shm/hot_sum.hpp"
#include "teams/team.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// How often a worker behind the barrier finds one that has not come.
template <class Wait>
std::uint64_t early(int workers, Wait wait) {
  std::vector<std::atomic<int>> phases(static_cast<std::size_t>(workers));
  std::atomic<std::uint64_t> early{0};
  const auto team = shm::make_team(TeamName::threads, workers, PinName::none);
  team->run([&](int worker) {
    for (int phase = 1; phase <= 300; ++phase) {
      phases[static_cast<std::size_t>(worker)] = phase;
      wait();
      for (const auto& other : phases) early += other < phase;
    }
  });
  return early;
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("barrier: all come before any goes on; the last one runs the middle once") {
    for (const int workers : {1, 2, 4}) {
      shm::Barrier barrier(workers);
      int middles = 0;  // plain: the barrier orders it
      CHECK(early(workers, [&] { barrier.wait([&] { ++middles; }); }) == 0);
      CHECK(middles == 300);
    }
  }

  TEST_CASE("mutant: a barrier that lets all through is seen") {
    std::uint64_t seen = 0;
    for (int attempt = 0; attempt < 20 && seen == 0; ++attempt) seen = early(3, [] { std::this_thread::yield(); });
    CHECK(seen > 0);
  }

  TEST_CASE("barrier: one who falls lets the others go, and a reset mends it") {
    shm::Barrier barrier(3);
    const auto team = shm::make_team(TeamName::threads, 3, PinName::none);
    std::atomic<int> let_go{0};
    const auto work = [&](int worker) {
      barrier.guard([&] {
        if (worker == 1) throw Error("fell");
        if (!barrier.wait()) ++let_go;
      });
    };
    CHECK_THROWS_AS(team->run(work), Error);
    CHECK(let_go == 2);
    barrier.reset();
    std::atomic<int> through{0};
    team->run([&](int) { through += barrier.wait(); });
    CHECK(through == 3);
  }
}
