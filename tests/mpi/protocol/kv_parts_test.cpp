// The parts of the key-value store one by one: where rows lie, what a canary says, what the checker objects to, what updaters do.
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "protocol/canary.hpp"
#include "protocol/checker.hpp"
#include "protocol/policy.hpp"
#include "protocol/rows.hpp"
#include "protocol/shard_map.hpp"
#include "protocol/shard_server.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

/// Sends nothing.
class Nowhere final : public Outbox {
 public:
  void send(int, Header, Payload) override {}
};

/// What updaters are given, without a server.
struct Shard {
  explicit Shard(std::vector<KvTable> tables) : map(std::move(tables), 1), rows(map, 0) {}
  void push(Updater& updater, int worker, std::vector<Run> runs, std::vector<float> values, float rate = 0, std::uint64_t staleness = 0) {
    updater.apply(rows, {.worker = worker, .clock = 0, .staleness = staleness, .rate = rate, .examples = 0, .runs = runs, .values = values});
  }
  ShardMap map;
  StoredRows rows;
};

Event read_of(int worker, std::uint64_t clock, std::uint64_t staleness, std::uint64_t own = 0) {
  return {.what = Event::What::read, .worker = worker, .clock = clock, .staleness = staleness, .sequence = own, .request = 1};
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("every row lies with one server, once, and dense ranges are one range everywhere") {
    for (const int servers : {1, 2, 3, 5})
      for (const KvTable table : {KvTable{.rows = 5000}, KvTable{.rows = 77, .width = 16}, KvTable{.rows = 9, .width = 300}, KvTable{.rows = 1}}) {
        const ShardMap map({table}, servers);
        std::set<std::pair<int, std::uint64_t>> places;
        std::vector<std::uint64_t> counts(static_cast<std::size_t>(servers));
        for (std::uint64_t row = 0; row < table.rows; ++row) {
          const int owner = map.owner(0, row);
          const std::uint64_t local = map.local(0, row);
          CHECK(map.whole(0, owner, local) == row);
          CHECK(local < map.rows(0, owner));
          if (servers == 1) CHECK(local == row);
          places.insert({owner, local});
          ++counts[static_cast<std::size_t>(owner)];
        }
        CHECK(places.size() == table.rows);
        std::vector<std::vector<Run>> runs(static_cast<std::size_t>(servers));
        map.cut(map.everything(), [&](int server, const Run& piece) { append_run(runs[static_cast<std::size_t>(server)], piece); });
        for (int server = 0; server < servers; ++server) {
          CHECK(map.rows(0, server) == counts[static_cast<std::size_t>(server)]);
          CHECK(runs[static_cast<std::size_t>(server)] == map.everything(server));
        }
      }
  }

  TEST_CASE("a canary tells which clocks are there, which are missing before others, and which came twice") {
    Canary canary(1);
    const auto reading = [&](std::uint64_t first_lane = 0) { return read_canary(first_lane, canary.lanes(0, first_lane)); };
    for (std::uint64_t clock = 0; clock < 60; ++clock) {
      CHECK(reading().clocks == clock);
      CHECK_FALSE(reading().hole);
      CHECK_FALSE(reading().twice);
      canary.apply(0, CanaryUpdate::of(clock));
    }
    CHECK(reading().clocks == 60);
    CHECK(reading(2).clocks == 60);
    CHECK(canary.lanes(0, 2).size() == 1);

    Canary copy = canary;
    copy.apply(0, CanaryUpdate::of(7));
    CHECK(read_canary(0, copy.lanes(0, 0)).twice);
    canary.apply(0, CanaryUpdate::of(61));
    CHECK(reading().hole);
    CHECK(reading().clocks == 60);
    Canary gap(1);  // a whole lane is missing
    for (std::uint64_t clock = 0; clock < 20; ++clock) gap.apply(0, CanaryUpdate::of(clock));
    gap.apply(0, CanaryUpdate::of(24));
    CHECK(read_canary(0, gap.lanes(0, 0)).hole);
  }

  TEST_CASE("the checker objects to each kind of broken promise, and to nothing else") {
    using What = Event::What;
    const auto verdict = [](auto fill, const Promises& promises) {
      History history(2);
      fill(history);
      return check(history, promises);
    };
    const Promises ssp{.staleness = 1}, exact{.staleness = 1, .visibility = Visibility::exact};
    const auto read = [](std::vector<std::uint64_t> witness, std::uint64_t clock) {
      return [=](History& history) { history.add_read(read_of(0, clock, 1), witness); };
    };
    CHECK(verdict(read({3, 2}, 3), ssp).violations == 0);
    CHECK(verdict(read({3, 2}, 3), ssp).largest_staleness == 1);
    CHECK(verdict(read({3, 1}, 3), ssp).violations == 1);  // too old
    CHECK(verdict(read({2, 2}, 3), exact).violations == 0);
    CHECK(verdict(read({2, 3}, 3), exact).violations == 1);  // too new
    CHECK(verdict(read({2, kLeft}, 3), exact).violations == 0);
    // Goes back.
    CHECK(verdict([](History& history) {
            history.add_read(read_of(0, 1, 1), std::vector<std::uint64_t>{1, 5});
            history.add_read(read_of(0, 1, 1), std::vector<std::uint64_t>{1, 4});
          }, ssp).violations == 1);
    // An own write is missing; one that was made after the read was begun may be.
    for (const bool before : {true, false})
      CHECK(verdict([&](History& history) {
              if (!before) history.add({.what = What::ask, .request = 1});
              history.add({.what = What::push, .sequence = 1});
              if (before) history.add({.what = What::ask, .request = 1});
              history.add_read(read_of(0, 0, 1, 0), std::vector<std::uint64_t>{0, 0});
              history.add({.what = What::done, .request = 1});
            }, ssp).violations == (before ? 1 : 0));
    // Leads: completing clock 1 is within the bound of 1 + 1, beginning or completing clock 2 beyond it.
    const auto lead = [](std::uint64_t clocks, bool begins) {
      return [=](History& history) {
        for (std::uint64_t clock = 0; clock < clocks; ++clock) history.add({.what = What::complete, .clock = clock});
        if (begins) history.add({.what = What::done, .clock = clocks, .request = 1});
      };
    };
    CHECK(verdict(lead(2, false), ssp).violations == 0);
    CHECK(verdict(lead(3, false), ssp).violations == 1);
    CHECK(verdict(lead(1, true), ssp).violations == 0);
    CHECK(verdict(lead(2, true), ssp).violations == 1);
    // Stuck.
    CHECK(verdict([](History& history) { history.add({.what = What::ask, .request = 1}); }, ssp).stuck == 1);
  }

  TEST_CASE("updaters: sum, scaled by staleness, delay-compensated") {
    Shard shard({{.rows = 100}, {.rows = 4, .width = 16}});
    const std::vector<Run> runs{{0, 2, 98}, {1, 1, 2}};
    const auto weight = [&](std::size_t table, std::uint64_t row) { return shard.rows.row(table, row)[0]; };
    const auto sum = sum_updater()(shard.rows, 1);
    shard.push(*sum, 0, runs, std::vector<float>(18, 2));
    CHECK(weight(0, 99) == 2);
    CHECK(weight(0, 97) == 0);
    CHECK(shard.rows.row(1, 2)[15] == 2);
    CHECK(weight(1, 3) == 0);

    const auto scaled = scaled_updater()(shard.rows, 1);
    shard.push(*scaled, 0, runs, std::vector<float>(18, 2), 0, 4);
    CHECK(weight(0, 99) == 2.5f);
    shard.push(*scaled, 0, runs, std::vector<float>(18, 2), 0, 0);
    CHECK(weight(0, 99) == 4.5f);

    const auto delayed = delay_compensated_updater(0.5f)(shard.rows, 2);
    delayed->sent(shard.rows, 0, runs, std::vector<float>(18, 4.5f));
    shard.push(*delayed, 1, runs, std::vector<float>(18, 1), 0.25f);  // nobody moved since: as it is
    CHECK(weight(0, 99) == 5.5f);
    // w = 5.5, base = 4.5, delta = -1, rate = 0.25: g = 4; delta -= 0.25 * 0.5 * 16 * 1
    shard.push(*delayed, 0, runs, std::vector<float>(18, -1), 0.25f);
    CHECK(weight(0, 99) == 2.5f);
    shard.push(*delayed, 0, runs, std::vector<float>(18, -1), 0);  // no rate: as it is
    CHECK(weight(0, 99) == 1.5f);
  }

  TEST_CASE("the guarded sum of one worker is the plain sum, sparse or dense; of four that correct the same error it is stable") {
    Shard guarded(std::vector<KvTable>{{.rows = 300}}), plain(std::vector<KvTable>{{.rows = 300}});
    const auto guard = guarded_sum_updater()(guarded.rows, 1), sum = sum_updater()(plain.rows, 1);
    for (int round = 0; round < 20; ++round) {
      const std::vector<Run> runs = round % 2 ? std::vector<Run>{{0, 300, 0}} : std::vector<Run>{{0, 1, 3}, {0, 70, 60}, {0, 2, 298}};
      std::vector<float> values(round % 2 ? 300 : 73);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(static_cast<int>(i) % 7 - 3);
      std::vector<float> held;
      for (const Run& run : runs) {
        const auto [first, count] = guarded.rows.place(run);
        held.insert(held.end(), guarded.rows.all().begin() + static_cast<std::ptrdiff_t>(first), guarded.rows.all().begin() + static_cast<std::ptrdiff_t>(first + count));
      }
      guard->sent(guarded.rows, 0, runs, held);
      guarded.push(*guard, 0, runs, values);
      plain.push(*sum, 0, runs, values);
      CHECK(std::equal(guarded.rows.all().begin(), guarded.rows.all().end(), plain.rows.all().begin()));
    }

    // Minimize w^2 / 2 from w = 1 with a step of 0.9 of what each worker read: four summed overshoot, by more each round.
    for (const bool guards : {true, false}) {
      Shard shard(std::vector<KvTable>{{.rows = 64}});
      for (float& weight : shard.rows.all()) weight = 1;
      const auto updater = (guards ? guarded_sum_updater() : sum_updater())(shard.rows, 4);
      const std::vector<Run> all{{0, 64, 0}};
      for (int round = 0; round < 12; ++round) {
        std::vector<std::vector<float>> read;
        for (int worker = 0; worker < 4; ++worker) {
          read.emplace_back(shard.rows.all().begin(), shard.rows.all().end());
          updater->sent(shard.rows, worker, all, read.back());
        }
        for (int worker = 0; worker < 4; ++worker) {
          for (float& value : read[static_cast<std::size_t>(worker)]) value *= -0.9f;
          shard.push(*updater, worker, all, read[static_cast<std::size_t>(worker)]);
        }
      }
      CHECK((std::abs(shard.rows.all()[0]) < 1) == guards);
    }
  }

  TEST_CASE("an own updater gets the pushes of a clock together, in the order of the workers, with rows wider than those that are pulled") {
    struct Calls {
      std::vector<std::pair<char, int>> made;
      std::vector<float> sum;
    };
    class Stepper final : public Updater {
     public:
      explicit Stepper(Calls& calls) : calls_(calls) {}
      void begin_clock(ShardRows&, std::uint64_t clock) override {
        calls_.made.emplace_back('b', static_cast<int>(clock));
        calls_.sum.assign(2, 0);
      }
      void apply(ShardRows& shard, const PushView& push) override {
        calls_.made.emplace_back('a', push.worker);
        CHECK(shard.push_width(0) == 2);
        CHECK(push.values.size() == 2);
        for (std::size_t i = 0; i < 2; ++i) calls_.sum[i] += push.values[i];
      }
      void end_clock(ShardRows& shard, std::uint64_t clock) override {
        calls_.made.emplace_back('e', static_cast<int>(clock));
        if (calls_.sum[1] > 0) shard.row(0, 0)[0] -= calls_.sum[0] / calls_.sum[1];  // a mean over the examples that the second column counts
      }

     private:
      Calls& calls_;
    };
    Calls calls;
    const ShardMap map({{.rows = 1, .width = 1, .push_width = 2}}, 1);
    ShardServer server(map, {.workers = 2, .updater = [&](ShardRows&, int) { return std::make_unique<Stepper>(calls); }},
                       std::make_shared<Policy>(Policy::ssp(0, Visibility::exact)), std::vector<float>{10});
    Nowhere out;
    const auto push = [&](int worker, std::uint64_t clock, std::uint64_t sequence, std::vector<float> values) {
      Frame frame{{.kind = Kind::push, .source = worker, .clock = clock, .sequence = sequence, .detail = kWhole | kCompletes}, Payload::of(std::move(values))};
      server.on_frame(std::move(frame), out);
    };
    push(1, 0, 1, {6, 2});
    push(1, 1, 2, {1, 1});
    CHECK(calls.made.empty());
    push(0, 0, 1, {2, 2});
    CHECK(calls.made == std::vector<std::pair<char, int>>{{'b', 0}, {'a', 0}, {'a', 1}, {'e', 0}});
    CHECK(server.data()[0] == 8);
    push(0, 1, 2, {1, 1});
    CHECK(calls.made.size() == 8);
    CHECK(server.data()[0] == 7);
  }
}
