// ssp in a network that doubles, drops and delays frames, and loses workers: reads may wait, and none breaks its bound.
#include <cstdint>

#include <doctest/doctest.h>

#include "protocol/kv_seeds.hpp"

using namespace sounder;
using namespace sounder::mpi;
using sounder::test::first_caught;
using sounder::test::kTries;
using sounder::test::KvOutcome;
using sounder::test::KvSchedule;

TEST_SUITE("mpi") {
  TEST_CASE("a push that comes twice is dropped by a sound server") {
    std::uint64_t duplicates = 0;
    for (const bool push_on_advance : {false, true})
      for (const Visibility visibility : {Visibility::at_least, Visibility::exact}) {
        const std::uint64_t seed = first_caught(kTries, [&](std::uint64_t tried) {
          KvSchedule schedule = KvSchedule::drawn(tried, visibility, push_on_advance);
          schedule.fault = test::doubles_pushes;
          return schedule;
        });
        CHECK(seed == kTries);
        KvSchedule schedule = KvSchedule::drawn(0, visibility, push_on_advance);
        schedule.fault = test::doubles_pushes;
        duplicates += run(schedule).duplicates;
      }
    CHECK(duplicates > 0);
  }

  TEST_CASE("frames of every kind may come twice") {
    const std::uint64_t seed = first_caught(2 * kTries, [](std::uint64_t tried) {
      KvSchedule schedule = KvSchedule::drawn(tried, tried % 2 ? Visibility::exact : Visibility::at_least, false);
      schedule.fault = [](int, const Frame&, Random& random) { return random.below(5) == 0 ? Sim::Fault::twice : Sim::Fault::none; };
      return schedule;
    });
    CHECK(seed == 2 * kTries);
  }

  TEST_CASE("dropped clocks get stuck, are reported, and break no bound; a dropped push is missed or gets stuck") {
    for (const Kind kind : {Kind::clock, Kind::push}) {
      int caught = 0;
      for (std::uint64_t seed = 0; seed < 100; ++seed) {
        KvSchedule schedule = KvSchedule::drawn(seed, seed % 2 ? Visibility::exact : Visibility::at_least, false);
        int sent = 0;
        schedule.fault = [&sent, kind](int, const Frame& frame, Random&) {
          if (frame.header.kind != kind || frame.header.source != 0) return Sim::Fault::none;
          return kind == Kind::clock || ++sent == 2 ? Sim::Fault::drop : Sim::Fault::none;
        };
        const KvOutcome outcome = run(schedule);
        if (kind == Kind::clock) CHECK(outcome.sound());
        if (outcome.stuck()) CHECK(outcome.parked > 0);
        caught += outcome.stuck() || !outcome.sound();
      }
      CHECK(caught == 100);
    }
  }

  TEST_CASE("a partition delays reads and breaks none") {
    const std::uint64_t seed = first_caught(500, [](std::uint64_t tried) {
      KvSchedule schedule = KvSchedule::drawn(tried, tried % 2 ? Visibility::exact : Visibility::at_least, tried % 3 == 0);
      schedule.begin = [](Sim& sim) { sim.partition(0, 1, 40); };
      return schedule;
    });
    CHECK(seed == 500);
  }

  TEST_CASE("without a lost worker the others go on once it is removed, and wait for it until then") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      CAPTURE(seed);
      KvSchedule schedule = KvSchedule::drawn(seed, seed % 2 ? Visibility::exact : Visibility::at_least, seed % 3 == 0);
      schedule.workers = 4;
      schedule.clocks = 8;
      schedule.lost_worker = 3;
      schedule.remove_lost = true;
      const KvOutcome removed = run(schedule);
      CHECK(removed.sound());
      CHECK_FALSE(removed.stuck());
      schedule.remove_lost = false;
      const KvOutcome waiting = run(schedule);
      CHECK(waiting.sound());
      CHECK(waiting.unfinished == 3);
    }
  }
}
