// Law: a team calls every worker once, gives the first exception back, and can be used again.
#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "support.hpp"
#include "teams/team.hpp"

using namespace sounder;
using namespace sounder::test;

TEST_SUITE("shm") {
  TEST_CASE("a team runs every worker exactly once a round, and the caller sees what they wrote") {
    for_each_team([](TeamName name) {
      for (int workers = 1; workers <= 5; ++workers) {
        CAPTURE(std::string(name_of(kTeams, name)));
        CAPTURE(workers);
        const auto team = shm::make_team(name, workers, PinName::automatic);
        REQUIRE(team->size() == workers);
        std::vector<int> runs(static_cast<std::size_t>(workers));  // plain: the end of a round must order them
        std::atomic<int> strangers{0};
        bool all_once = true;
        for (int round = 1; round <= static_cast<int>(scaled(300, 50)); ++round) {
          team->run([&](int worker) {
            if (worker < 0 || worker >= workers)
              ++strangers;
            else
              ++runs[static_cast<std::size_t>(worker)];
          });
          for (const int count : runs) all_once &= count == round;
        }
        CHECK(all_once);
        CHECK(strangers == 0);
      }
    });
  }

  TEST_CASE("a team rethrows a worker's exception when all have ended, and works on") {
    for_each_team([](TeamName name) {
      for (const int workers : {1, 3})
        for (int thrower = 0; thrower < workers; ++thrower) {
          CAPTURE(std::string(name_of(kTeams, name)));
          CAPTURE(thrower);
          const auto team = shm::make_team(name, workers, PinName::none);
          std::atomic<int> ended{0};
          const auto failing = [&](int worker) {
            if (worker == thrower) throw Error("worker " + std::to_string(worker));
            std::this_thread::yield();
            ++ended;
          };
          CHECK_THROWS_WITH_AS(team->run(failing), ("worker " + std::to_string(thrower)).c_str(), Error);
          CHECK(ended == workers - 1);
          CHECK_NOTHROW(team->run([&](int) { ++ended; }));  // neither a second throw nor the old one
          CHECK(ended == 2 * workers - 1);
        }
    });
  }

  TEST_CASE("of several exceptions one comes back, also if it is not a std::exception") {
    for_each_team([](TeamName name) {
      CAPTURE(std::string(name_of(kTeams, name)));
      const auto team = shm::make_team(name, 4, PinName::none);
      CHECK_THROWS_AS(team->run([](int worker) { throw worker; }), int);
      CHECK_NOTHROW(team->run([](int) {}));
    });
  }

  TEST_CASE("a team that never ran goes away in peace") {
    for_each_team([](TeamName name) { CHECK(shm::make_team(name, 4, PinName::core)->size() == 4); });
  }
}
