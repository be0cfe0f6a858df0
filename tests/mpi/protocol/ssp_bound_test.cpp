// The proof that no read breaks the bound of ssp: many seeded schedules without a violation. That it would be seen is shown by
// ssp_mutants_test.cpp.
#include <cstdint>
#include <optional>

#include <doctest/doctest.h>

#include "protocol/kv_seeds.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::mpi;
using sounder::test::first_caught;
using sounder::test::KvOutcome;
using sounder::test::KvSchedule;

namespace {

#ifdef NDEBUG
// Of each of four kinds. One thread runs them: ThreadSanitizer has little to see.
constexpr std::uint64_t kSchedules = test::kThreadSanitizer ? 100 : 25000;
#else
constexpr std::uint64_t kSchedules = test::kThreadSanitizer ? 100 : 5000;
#endif

void check_schedules(Visibility visibility, bool push_on_advance) {
  std::uint64_t reads = 0, cache_hits = 0, parked_on_slow = 0, parked_on_others = 0;
  std::uint64_t tight[5] = {}, of_staleness[5] = {};
  for (std::uint64_t seed = 0; seed < kSchedules; ++seed) {
    const KvSchedule schedule = KvSchedule::drawn(seed, visibility, push_on_advance);
    const KvOutcome outcome = run(schedule);
    if (!outcome.sound() || outcome.stuck() || outcome.verdict.stuck) {
      FAIL_CHECK("seed ", seed, ": ", outcome.first, ", ", outcome.unfinished, " workers are stuck");
      return;
    }
    reads += outcome.verdict.reads;
    cache_hits += outcome.cache_hits;
    ++of_staleness[schedule.staleness];
    if (outcome.verdict.largest_staleness == schedule.staleness) ++tight[schedule.staleness];
    for (int worker = 0; worker < schedule.workers; ++worker)
      (worker == outcome.slow_worker ? parked_on_slow : parked_on_others) += outcome.parked_on[static_cast<std::size_t>(worker)];
  }
  MESSAGE(kSchedules, " schedules, ", reads, " reads");
  // Not vacuous: the bound is reached, and reads had to wait, most of all for who is slow.
  CHECK(reads > 30 * kSchedules);
  for (int staleness = 0; staleness <= 4; ++staleness) {
    CAPTURE(staleness);
    CHECK(of_staleness[staleness] > 0);
    CHECK(tight[staleness] > 0);
  }
  if (push_on_advance) {
    CHECK(cache_hits > kSchedules);
  } else {
    CHECK(parked_on_slow > parked_on_others);
    CHECK(parked_on_others > 0);
  }
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("ssp at-least: no read of 25,000 schedules breaks the bound") { check_schedules(Visibility::at_least, false); }
  TEST_CASE("ssp at-least with push on advance: no read of 25,000 schedules breaks the bound") { check_schedules(Visibility::at_least, true); }
  TEST_CASE("ssp exact: no read of 25,000 schedules breaks the bound, or holds more than it") { check_schedules(Visibility::exact, false); }
  TEST_CASE("ssp exact with push on advance: no read of 25,000 schedules breaks the bound, or holds more than it") {
    check_schedules(Visibility::exact, true);
  }

  TEST_CASE("a seed replays the same run, frame by frame, and another seed another") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const KvSchedule schedule = KvSchedule::drawn(seed, Visibility::exact, seed % 2 == 0);
      const KvOutcome first = run(schedule), again = run(schedule);
      CHECK(first.digest == again.digest);
      CHECK(first.delivered == again.delivered);
      CHECK(first.digest != run(KvSchedule::drawn(seed + 1, Visibility::exact, seed % 2 == 0)).digest);
    }
  }

  TEST_CASE("exact visibility gives the same bits to every read, whatever the timing; at-least does not") {
    for (const bool push_on_advance : {false, true})
      for (const std::uint64_t staleness : {0u, 1u, 3u}) {
        int different = 0;
        for (const Visibility visibility : {Visibility::exact, Visibility::at_least}) {
          KvSchedule schedule{.seed = 1, .staleness = staleness, .visibility = visibility, .push_on_advance = push_on_advance};
          const std::uint64_t digest = run(schedule).reads_digest;
          for (const double slow : {0.01, 1.0, 30.0}) {  // the same draws, other times
            schedule.slow = slow;
            const KvOutcome outcome = run(schedule);
            if (visibility == Visibility::exact)
              CHECK(outcome.reads_digest == digest);
            else
              different += outcome.reads_digest != digest;
          }
        }
        CHECK((different > 0 || staleness == 0));
      }
  }

  TEST_CASE("an unbounded run exceeds a staleness of 2: the load is not tame") {
    int exceeded = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      KvSchedule schedule{.seed = seed, .staleness = kUnbounded};
      schedule.judged = Promises{.staleness = 2};
      exceeded += !run(schedule).sound();
      schedule.judged = std::nullopt;
      CHECK(run(schedule).sound());
    }
    CHECK(exceeded > 50);
  }

  TEST_CASE("async: after all is quiet every pull is equal, and nothing is lost or applied twice") {
    for (const bool push_on_advance : {false, true}) {
      const std::uint64_t seed = first_caught(1000, [&](std::uint64_t tried) {
        KvSchedule schedule = KvSchedule::drawn(tried, Visibility::at_least, push_on_advance);
        schedule.staleness = kUnbounded;
        schedule.varying_staleness = false;
        return schedule;
      });
      CHECK(seed == 1000);
    }
  }
}
