// The key-value store over ranks that are threads: values, tickets, clocks, snapshots, and the audit of real runs.
#include <array>
#include <atomic>
#include <numeric>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/error.hpp>
#include <sounder/mpi/kv_store.hpp>

#include "endpoint.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

const std::vector<KvTable> kTables{{.rows = 1000, .width = 1}, {.rows = 70, .width = 16}, {.rows = 1, .width = 1}};
constexpr std::size_t kFloats = 1000 + 70 * 16 + 1;

std::vector<float> counting() {
  std::vector<float> values(kFloats);
  std::iota(values.begin(), values.end(), 0.f);
  return values;
}

std::vector<float> pull_all(KvStore& store) {
  std::vector<float> all(store.packed_floats());
  store.wait(store.pull(store.everything(), all));
  return all;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("a sparse push sends its rows and their numbers, and 6 % more at most") {
    constexpr std::uint64_t kRows = 10'000, kOneIn = 100;
    constexpr std::size_t kWidth = 64, kPushed = kRows / kOneIn;
    World::run_inproc(2, [&](World& world) {
      KvStore store(world, {{.rows = kRows, .width = kWidth}}, std::vector<float>(kRows * kWidth), {.workers = 1, .servers = 1, .first_server = 1});
      const auto sent_by = [&](const auto& work) {
        const std::uint64_t before = world.endpoint().bytes_sent();
        if (store.works()) work();
        store.quiesce();
        return static_cast<double>(world.endpoint().bytes_sent() - before);
      };
      const double nothing = sent_by([] {});
      std::vector<Run> runs;
      for (std::uint64_t row = 0; row < kRows; row += kOneIn) runs.push_back({0, 1, row});
      const std::vector<float> rows(kPushed * kWidth, 1), all(kRows * kWidth, 1);
      const double sparse = sent_by([&] { store.push(runs, rows); }), dense = sent_by([&] { store.push(store.everything(), all); });
      if (!store.works()) return;
      const double least = kPushed * (sizeof(std::uint32_t) + kWidth * sizeof(float));
      CHECK(sparse - nothing >= least);
      CHECK(sparse - nothing < 1.06 * least);
      CHECK(dense - nothing > 90 * (sparse - nothing));  // control: a push of all rows
    });
  }

  TEST_CASE("a store gives back the initial values, and sums what is pushed to dense ranges and sparse rows") {
    for (const int ranks : {1, 2, 3})
      World::run_inproc(ranks, [&](World& world) {
        KvStore store(world, kTables, counting());
        CHECK(store.packed_floats() == kFloats);
        CHECK(pull_all(store) == counting());
        store.quiesce();  // nobody pushes before all have read

        const std::vector<float> ones(kFloats, 1);
        store.push(store.everything(), ones);
        const std::vector<Run> rows{{0, 1, 3}, {0, 300, 500}, {1, 2, 40}, {2, 1, 0}};
        store.push(rows, std::vector<float>(1 + 300 + 32 + 1, 10));
        store.quiesce();
        std::vector<float> sum = counting();
        const auto all = static_cast<float>(ranks);
        for (float& value : sum) value += all;
        sum[3] += 10 * all;
        for (std::size_t i = 500; i < 800; ++i) sum[i] += 10 * all;
        for (std::size_t i = 0; i < 32; ++i) sum[1000 + 40 * 16 + i] += 10 * all;
        sum[kFloats - 1] += 10 * all;
        CHECK(pull_all(store) == sum);

        std::vector<float> some(1 + 300 + 32 + 1);
        store.wait(store.pull(rows, some));
        CHECK(some[0] == sum[3]);
        CHECK(some[300] == sum[799]);
        CHECK(some[301] == sum[1000 + 40 * 16]);
        CHECK(some.back() == sum.back());
        store.quiesce();
      });
  }

  TEST_CASE("ranks that only serve hold all rows, ranks that only work hold none") {
    World::run_inproc(3, [&](World& world) {
      KvStore store(world, kTables, counting(), {.workers = 2, .servers = 1, .first_server = 2});
      CHECK(store.works() == (world.rank() < 2));
      CHECK(store.serves() == (world.rank() == 2));
      if (store.works()) {
        const std::vector<float> ones(kFloats, 1);
        std::vector<float> borrowed(kFloats, 1);
        const KvStore::Ticket ticket = store.push(store.everything(), borrowed, {.borrow = true});
        store.push(store.everything(), std::vector<float>(ones));
        store.wait(ticket);
        CHECK(ticket.done());
        borrowed.assign(kFloats, 1e9f);  // not read any more
      }
      store.quiesce();
      std::vector<float> sum = counting();
      for (float& value : sum) value += 4;
      CHECK(pull_all(store) == sum);
      store.quiesce();
    });
  }

  TEST_CASE("an audited run over threads keeps the bound of ssp, in either visibility, with and without a push on advance") {
    const int clocks = test::kThreadSanitizer ? 30 : 150;
    for (const std::uint64_t staleness : {std::uint64_t{0}, std::uint64_t{2}, kUnbounded})
      for (const Visibility visibility : {Visibility::at_least, Visibility::exact})
        for (const bool push_on_advance : {false, true}) {
          if (staleness == kUnbounded && visibility == Visibility::exact) continue;
          CAPTURE(staleness);
          CAPTURE(visibility == Visibility::exact);
          CAPTURE(push_on_advance);
          World::run_inproc(3, [&](World& world) {
            KvStore store(world, kTables, std::vector<float>(kFloats),
                          {.staleness = staleness, .visibility = visibility, .overlay_own = true, .push_on_advance = push_on_advance, .audit = true});
            if (push_on_advance) store.subscribe(store.everything());
            std::vector<float> weights(kFloats);
            for (int clock = 0; clock < clocks; ++clock) {
              store.wait(store.pull(store.everything(), weights));
              // Own updates are always there.
              CHECK(weights[0] >= static_cast<float>(clock));
              if (staleness == 0) CHECK(weights[0] >= static_cast<float>(3 * clock));
              store.push(store.everything(), std::vector<float>(kFloats, 1), {.completes_clock = clock % 2 == 0});
              if (clock % 2) store.clock();
            }
            store.leave();
            store.quiesce();
            CHECK(pull_all(store) == std::vector<float>(kFloats, static_cast<float>(3 * clocks)));
            const KvTelemetry telemetry = store.telemetry();
            CHECK(telemetry.violations == 0);
            CHECK(telemetry.first_violation == "");
            CHECK(telemetry.reads == static_cast<std::uint64_t>(3 * (clocks + 1)));
            CHECK(telemetry.staleness_clocks.count() == static_cast<std::uint64_t>(clocks));
            CHECK(telemetry.staleness_updates.count() == static_cast<std::uint64_t>(3 * clocks));
            if (staleness != kUnbounded) CHECK(telemetry.staleness_clocks.max() <= staleness);
            CHECK((telemetry.cache_hits > 0 || !push_on_advance || staleness == 0));
            store.quiesce();
          });
        }
  }

  TEST_CASE("a snapshot stays as it was taken, and a pull of it waits until it is") {
    World::run_inproc(2, [&](World& world) {
      KvStore store(world, kTables, counting());
      std::vector<float> copy(kFloats);
      const KvStore::Ticket early = store.pull_snapshot(7, copy);
      store.quiesce();
      CHECK_FALSE(early.done());
      world.endpoint().run([&] { store.snapshot(7); });
      store.wait(early);
      store.quiesce();
      store.push(store.everything(), std::vector<float>(kFloats, 1));
      store.quiesce();
      CHECK(copy == counting());
      std::vector<float> again(kFloats);
      store.wait(store.pull_snapshot(7, again));
      CHECK(again == counting());
      CHECK(pull_all(store)[5] == 7.f);
      store.quiesce();
      store.drop_snapshot(7);
    });
  }

  TEST_CASE("what does not fit into a store is refused before anything is sent") {
    World::run_inproc(1, [&](World& world) {
      CHECK_THROWS_AS(KvStore(world, kTables, std::vector<float>(3)), Error);
      CHECK_THROWS_AS(KvStore(world, kTables, counting(), {.workers = 2}), Error);
      CHECK_THROWS_AS(KvStore(world, kTables, counting(), {.servers = 1, .first_server = 1}), Error);
      CHECK_THROWS_AS(KvStore(world, kTables, counting(), {.visibility = Visibility::exact}), Error);
      KvStore store(world, kTables, counting(), {.staleness = 1, .visibility = Visibility::exact});
      std::vector<float> out(2);
      const std::array<Run, 1> beyond{{{0, 2, 999}}}, unknown{{{3, 2, 0}}}, two{{{1, 2, 0}}};
      CHECK_THROWS_AS(store.pull(beyond, out), Error);
      CHECK_THROWS_AS(store.pull(unknown, out), Error);
      CHECK_THROWS_AS(store.pull(two, out), Error);
      CHECK_THROWS_AS(store.push(two, out), Error);
      CHECK_THROWS_AS(store.set_staleness(2), Error);
      CHECK_THROWS_AS(store.subscribe(two), Error);
      store.quiesce();
    });
  }
}
