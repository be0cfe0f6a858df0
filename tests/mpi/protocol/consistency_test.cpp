// Executions that one consistency model allows and the next stronger one forbids: small, spelled out, through the real protocol.
#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/mpi/kv_store.hpp>
#include <sounder/mpi/world.hpp>

#include "endpoint.hpp"
#include "modes/rma.hpp"
#include "protocol/checker.hpp"
#include "protocol/kv_client.hpp"
#include "protocol/shard_server.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

const std::vector<Run> kRow{{0, 1, 0}};

/// Two workers and a server (on rank 0) of one number, which starts as 0. A worker's update of clock c adds 10^c, worker 1's twice that.
class Two {
 public:
  explicit Two(const Policy& policy)
      : map_({{.rows = 1}}, 1), history(2), server(map_, {.workers = 2}, std::make_shared<Policy>(policy), std::vector<float>{0}) {
    for (int rank = 0; rank < 2; ++rank) {
      ports_[rank] = std::make_unique<Port>(*this, rank);
      clients[rank] = std::make_unique<KvClient>(
          map_, KvClient::Options{.self = rank, .workers = 2, .staleness = policy.staleness(), .history = &history}, std::make_shared<Policy>(policy));
    }
  }

  void push(int worker) {
    float value = worker ? 2 : 1;
    for (std::uint64_t clock = 0; clock < clients[worker]->clock_number(); ++clock) value *= 10;
    clients[worker]->push(clients[worker]->prepare(kRow, std::vector<float>{value}), {}, *ports_[worker]);
    deliver();
  }
  void clock(int worker) {
    push(worker);
    clients[worker]->clock(*ports_[worker]);
    deliver();
  }
  /// So many clocks of both, in turn.
  void clocks_of_both(int clocks) {
    for (int i = 0; i < clocks; ++i) clock(0), clock(1);
  }
  /// Begins a read; it may have to wait.
  struct Read {
    std::vector<float> value{-1};
    bool done = false;
  };
  std::shared_ptr<Read> read(int worker) {
    auto read = std::make_shared<Read>();
    clients[worker]->pull(kRow, read->value, [read] { read->done = true; }, *ports_[worker]);
    deliver();
    return read;
  }
  /// One that does not have to wait.
  float value_of_read(int worker) {
    const auto begun = read(worker);
    CHECK(begun->done);
    return begun->value[0];
  }
  bool allowed_by(const Promises& promises) const { return check(history, promises).violations == 0; }

 private:
  class Port final : public Outbox {
   public:
    Port(Two& two, int rank) : two_(two), rank_(rank) {}
    void send(int to, Header header, Payload payload) override {
      header.source = rank_;
      two_.under_way_.emplace_back(to, Frame{header, std::move(payload)});
    }

   private:
    Two& two_;
    int rank_;
  };
  void deliver() {
    while (!under_way_.empty()) {
      auto [to, frame] = std::move(under_way_.front());
      under_way_.pop_front();
      if (frame.header.kind == Kind::values)
        clients[to]->on_frame(frame, *ports_[to]);
      else
        server.on_frame(std::move(frame), *ports_[0]);
    }
  }

  ShardMap map_;

 public:
  History history;
  ShardServer server;
  std::unique_ptr<KvClient> clients[2];

 private:
  std::unique_ptr<Port> ports_[2];
  std::deque<std::pair<int, Frame>> under_way_;
};

const Promises kAsync{}, kAtLeast2{2, Visibility::at_least, true}, kAtLeast1{1, Visibility::at_least, true},
    kExact2{2, Visibility::exact, false}, kExact1{1, Visibility::exact, false}, kBsp{0, Visibility::exact, false};

/// A read of worker 0 waits for worker 1, and is given `value` when that has completed its clock.
void check_waits(Two& two, float value) {
  const auto waits = two.read(0);
  CHECK_FALSE(waits->done);
  CHECK(two.server.parked() == 1);
  CHECK(two.clients[0]->awaited() == std::vector<int>{1});  // it knows whom it waits for
  two.clock(1);
  CHECK(waits->done);
  CHECK(waits->value[0] == value);
}

void check_tells_apart(const Two& execution, const Promises& allows, const Promises& forbids) {
  CHECK(execution.allowed_by(allows));
  CHECK_FALSE(execution.allowed_by(forbids));
}

/// Rank 1 adds 1 to all of a long row, again and again; rank 0 reads it until `enough`(whether all its floats were equal) says so.
template <class Store, class Make>
void read_while_added_to(Make make, const std::function<bool(bool whole)>& enough) {
  constexpr int kWidth = 4096;
  std::atomic<bool> stop{false};
  World::run_inproc(2, [&](World& world) {
    const std::unique_ptr<Store> store = make(world, std::vector<KvTable>{{.rows = 1, .width = kWidth}}, std::vector<float>(kWidth));
    std::vector<float> row(kWidth);
    const auto read = [&] {
      if constexpr (std::is_same_v<Store, KvStore>) store->wait(store->pull(kRow, row));
      else store->pull(kRow, row);
    };
    if (world.rank() == 0) {
      do read();
      while (!enough(std::ranges::adjacent_find(row, std::not_equal_to<>()) == row.end()));
      stop = true;
    } else {
      while (!stop) {
        if constexpr (std::is_same_v<Store, KvStore>) store->push(kRow, std::vector<float>(kWidth, 1));
        else store->add(kRow, std::vector<float>(kWidth, 1));
        read();  // no faster than they can be taken
      }
    }
    store->quiesce();
  });
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("an execution that rma allows and async forbids: a read of one row that holds a part of one update") {
    int reads = 0;
    read_while_added_to<WindowStore>([](World& world, auto tables, const auto& start) { return std::make_unique<WindowStore>(world.endpoint(), tables, start, open_window); },
                                     [&](bool whole) { return ++reads, !whole; });
    CHECK(reads > 0);  // it comes to an end: one was torn
    int torn = 0;
    read_while_added_to<KvStore>([](World& world, auto tables, const auto& start) { return std::make_unique<KvStore>(world, tables, start); },
                                 [&, more = std::max(100, std::min(reads, 1000))](bool whole) mutable { return torn += !whole, --more == 0; });
    CHECK(torn == 0);
  }

  TEST_CASE("an execution that async allows and ssp forbids: a read in clock 3 that misses all of a slow worker") {
    Two async(Policy::async()), ssp(Policy::ssp(2, Visibility::at_least));
    for (Two* const two : {&async, &ssp})
      for (int clock = 0; clock < 3; ++clock) two->clock(0);
    CHECK(async.value_of_read(0) == 111);
    check_tells_apart(async, kAsync, kAtLeast2);
    check_waits(ssp, 113);
    CHECK(ssp.allowed_by(kAtLeast2));
  }

  TEST_CASE("an execution that ssp at-least allows and ssp exact forbids: a read that holds an update newer than it is due") {
    Two at_least(Policy::ssp(1, Visibility::at_least)), exact(Policy::ssp(1, Visibility::exact));
    for (Two* const two : {&at_least, &exact}) two->clock(1);
    CHECK(at_least.value_of_read(0) == 2);
    check_tells_apart(at_least, kAtLeast1, kExact1);
    CHECK(exact.value_of_read(0) == 0);
    CHECK(exact.allowed_by(kExact1));
  }

  TEST_CASE("an execution that ssp exact with staleness 1 allows and bsp forbids: a read that misses the clock before") {
    Two ssp(Policy::ssp(1, Visibility::exact)), bsp(Policy::ssp(0, Visibility::exact));
    for (Two* const two : {&ssp, &bsp}) two->clock(0);
    CHECK(ssp.value_of_read(0) == 0);
    check_tells_apart(ssp, kExact1, kBsp);
    check_waits(bsp, 3);
    CHECK(bsp.allowed_by(kBsp));
  }

  TEST_CASE("exact reads of a slow worker stay behind those of a fast one: each gets the state that is due in its clock") {
    Two exact(Policy::ssp(2, Visibility::exact));
    exact.clocks_of_both(2);
    exact.clock(0);
    CHECK(exact.value_of_read(0) == 3);  // clock 3: due is clock 0
    CHECK(exact.value_of_read(1) == 0);  // clock 2: due is nothing, though clocks 0 and 1 are applied
    CHECK(exact.server.data()[0] == 33);
    CHECK(exact.allowed_by(kExact2));
  }

  TEST_CASE("a staleness that shrinks and grows at run time is the one in force at each read; exact reads never go back") {
    Two exact(Policy::ssp(2, Visibility::exact));
    exact.clocks_of_both(2);
    exact.clients[0]->set_staleness(0);
    CHECK(exact.value_of_read(0) == 33);
    exact.clients[0]->set_staleness(2);
    exact.clock(0);
    CHECK(exact.value_of_read(0) == 33);  // 2 clocks back would be behind what it has read
    CHECK(exact.allowed_by(kExact2));
  }
}
