// The negative controls of ssp's bound: broken servers and clients, each caught by the audit that every real run can carry.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <doctest/doctest.h>

#include "protocol/kv_seeds.hpp"

using namespace sounder;
using namespace sounder::mpi;
using sounder::test::first_caught;
using sounder::test::kTries;
using sounder::test::KvSchedule;

namespace {

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
      }, test::audit_objects);
      CHECK(seed < kTries);
    }
}

}  // namespace

TEST_SUITE("mpi") {
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
      }, test::audit_objects);
      CHECK(seed < kTries);
    }
  }

  TEST_CASE("mutant: a push that comes twice and is applied twice is caught") {
    check_caught([](KvSchedule& schedule) {
      schedule.fault = test::doubles_pushes;
      breaks_servers<AppliesTwice>(schedule);
    });
  }
}
