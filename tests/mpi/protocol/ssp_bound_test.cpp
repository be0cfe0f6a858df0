// The proof that no read breaks the bound of ssp: many seeded schedules without a violation, and mutants that are each caught.
#include <cstdint>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "protocol/kv_sim.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::mpi;
using sounder::test::KvOutcome;
using sounder::test::KvSchedule;

namespace {

#ifdef NDEBUG
// Of each of four kinds. One thread runs them: ThreadSanitizer has little to see.
constexpr std::uint64_t kSchedules = test::kThreadSanitizer ? 100 : 25000;
#else
constexpr std::uint64_t kSchedules = test::kThreadSanitizer ? 100 : 5000;
#endif

bool anything_wrong(const KvOutcome& outcome) { return !outcome.sound() || outcome.stuck(); }
bool audit_objects(const KvOutcome& outcome) { return outcome.audit_violations > 0; }

/// The first seed whose schedule is caught; `seeds` if there is none.
template <class Make>
std::uint64_t first_caught(std::uint64_t seeds, Make make, bool (*caught)(const KvOutcome&) = anything_wrong) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed)
    if (caught(run(make(seed)))) return seed;
  return seeds;
}

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

// One mutant each.

class OffByOne final : public Policy {
 public:
  explicit OffByOne(const Policy& policy) : Policy(policy) {}
  bool may_read(std::uint64_t slowest, std::uint64_t clock, std::uint64_t staleness) const override {
    return slowest == kLeft || slowest + 1 >= clocks_due(clock, staleness);
  }
};

class StaleCache final : public Policy {
 public:
  explicit StaleCache(const Policy& policy) : Policy(policy) {}
  bool may_read(std::uint64_t, std::uint64_t, std::uint64_t) const override { return true; }
};

class RepliesFirst final : public ShardServer {
 public:
  using ShardServer::ShardServer;

 protected:
  void deliver(const Frame& push, Outbox& out) override {
    count(push.header, out);
    put_in(push);
  }
};

class CountsAtOnce final : public ShardServer {
 public:
  using ShardServer::ShardServer;

 protected:
  std::uint64_t needs(const Header&) const override { return 0; }
};

class AppliesTwice final : public ShardServer {
 public:
  using ShardServer::ShardServer;

 protected:
  bool is_duplicate(int, std::uint64_t) const override { return false; }
};

class ForgetsOne final : public ShardServer {
 public:
  using ShardServer::ShardServer;

 protected:
  std::uint64_t slowest() const override {
    const std::span<const std::uint64_t> all = clocks().all();
    return *std::min_element(all.begin() + 1, all.end());
  }
};

template <class Mutant>
void breaks_servers(KvSchedule& schedule) {
  schedule.server = [](const ShardMap& map, const ShardServer::Options& options, std::shared_ptr<const Policy> policy,
                       std::span<const float> initial) { return std::make_unique<Mutant>(map, options, std::move(policy), initial); };
}

constexpr std::uint64_t kTries = 200;

/// Whether the mutant is caught in each of the four kinds of schedules, by the audit that every real run can carry (the canary in the data).
template <class Break>
void check_caught(Break break_it) {
  for (const Visibility visibility : {Visibility::at_least, Visibility::exact})
    for (const bool push_on_advance : {false, true}) {
      CAPTURE(visibility == Visibility::exact);
      CAPTURE(push_on_advance);
      const std::uint64_t seed = first_caught(kTries, [&](std::uint64_t tried) {
        KvSchedule schedule = KvSchedule::drawn(tried, visibility, push_on_advance);
        break_it(schedule);
        return schedule;
      }, audit_objects);
      CHECK(seed < kTries);
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

  TEST_CASE("mutant: a read rule that is off by one is caught") {
    check_caught([](KvSchedule& schedule) {
      schedule.server_policy = schedule.client_policy = std::make_shared<OffByOne>(Policy::ssp(schedule.staleness, schedule.visibility));
    });
  }
  TEST_CASE("mutant: a server that replies before it applies is caught") { check_caught(breaks_servers<RepliesFirst>); }
  TEST_CASE("mutant: a server that counts a clock which has overtaken its push is caught") { check_caught(breaks_servers<CountsAtOnce>); }
  TEST_CASE("mutant: a server that takes the minimum over all workers but one is caught") { check_caught(breaks_servers<ForgetsOne>); }
  TEST_CASE("mutant: a client that trusts its cache too long is caught") {
    for (const Visibility visibility : {Visibility::at_least, Visibility::exact}) {
      const std::uint64_t seed = first_caught(kTries, [&](std::uint64_t tried) {
        KvSchedule schedule = KvSchedule::drawn(tried, visibility, true);
        schedule.client_policy = std::make_shared<StaleCache>(Policy::ssp(schedule.staleness, schedule.visibility));
        return schedule;
      }, audit_objects);
      CHECK(seed < kTries);
    }
  }

  TEST_CASE("mutant: a push that comes twice and is applied twice is caught; a sound server drops it") {
    const auto twice = [](int, const Frame& frame, Random& random) {
      return frame.header.kind == Kind::push && random.below(5) == 0 ? Sim::Fault::twice : Sim::Fault::none;
    };
    check_caught([&](KvSchedule& schedule) {
      schedule.fault = twice;
      breaks_servers<AppliesTwice>(schedule);
    });
    std::uint64_t duplicates = 0;
    for (const bool push_on_advance : {false, true})
      for (const Visibility visibility : {Visibility::at_least, Visibility::exact}) {
        const std::uint64_t seed = first_caught(kTries, [&](std::uint64_t tried) {
          KvSchedule schedule = KvSchedule::drawn(tried, visibility, push_on_advance);
          schedule.fault = twice;
          return schedule;
        });
        CHECK(seed == kTries);
        KvSchedule schedule = KvSchedule::drawn(0, visibility, push_on_advance);
        schedule.fault = twice;
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
