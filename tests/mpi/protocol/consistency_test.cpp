// Executions that one consistency model allows and the next stronger one forbids: small, spelled out, through the real protocol.
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

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

const Promises kAsync{}, kAtLeast2{2, Visibility::at_least, true}, kAtLeast1{1, Visibility::at_least, true}, kExact1{1, Visibility::exact, false},
    kBsp{0, Visibility::exact, false};

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("an execution that async allows and ssp forbids: a read in clock 3 that misses all of a slow worker") {
    Two async(Policy::async());
    for (int clock = 0; clock < 3; ++clock) async.clock(0);
    const auto read = async.read(0);
    CHECK(read->done);
    CHECK(read->value[0] == 111);
    CHECK(async.allowed_by(kAsync));
    CHECK_FALSE(async.allowed_by(kAtLeast2));

    Two ssp(Policy::ssp(2, Visibility::at_least));
    for (int clock = 0; clock < 3; ++clock) ssp.clock(0);
    const auto waits = ssp.read(0);
    CHECK_FALSE(waits->done);
    CHECK(ssp.server.parked() == 1);
    CHECK(ssp.clients[0]->awaited() == std::vector<int>{1});  // it knows whom it waits for
    ssp.clock(1);
    CHECK(waits->done);
    CHECK(waits->value[0] == 113);
    CHECK(ssp.allowed_by(kAtLeast2));
  }

  TEST_CASE("an execution that ssp at-least allows and ssp exact forbids: a read that holds an update newer than it is due") {
    Two at_least(Policy::ssp(1, Visibility::at_least));
    at_least.clock(1);
    const auto newer = at_least.read(0);
    CHECK(newer->value[0] == 2);
    CHECK(at_least.allowed_by(kAtLeast1));
    CHECK_FALSE(at_least.allowed_by(kExact1));

    Two exact(Policy::ssp(1, Visibility::exact));
    exact.clock(1);
    const auto due = exact.read(0);
    CHECK(due->value[0] == 0);
    CHECK(exact.allowed_by(kExact1));
  }

  TEST_CASE("an execution that ssp exact with staleness 1 allows and bsp forbids: a read that misses the clock before") {
    Two ssp(Policy::ssp(1, Visibility::exact));
    ssp.clock(0);
    const auto early = ssp.read(0);
    CHECK(early->done);
    CHECK(early->value[0] == 0);
    CHECK(ssp.allowed_by(kExact1));
    CHECK_FALSE(ssp.allowed_by(kBsp));

    Two bsp(Policy::ssp(0, Visibility::exact));
    bsp.clock(0);
    const auto waits = bsp.read(0);
    CHECK_FALSE(waits->done);
    bsp.clock(1);
    CHECK(waits->done);
    CHECK(waits->value[0] == 3);
    CHECK(bsp.allowed_by(kBsp));
  }

  TEST_CASE("exact reads of a slow worker stay behind those of a fast one: each gets the state that is due in its clock") {
    Two exact(Policy::ssp(2, Visibility::exact));
    for (int clock = 0; clock < 2; ++clock) exact.clock(0), exact.clock(1);
    exact.clock(0);
    CHECK(exact.read(0)->value[0] == 3);  // clock 3: due is clock 0
    CHECK(exact.read(1)->value[0] == 0);  // clock 2: due is nothing, though clocks 0 and 1 are applied
    CHECK(exact.server.data()[0] == 33);
    CHECK(exact.allowed_by({2, Visibility::exact, false}));
  }

  TEST_CASE("a staleness that shrinks and grows at run time is the one in force at each read; exact reads never go back") {
    Two exact(Policy::ssp(2, Visibility::exact));
    for (int clock = 0; clock < 2; ++clock) exact.clock(0), exact.clock(1);
    exact.clients[0]->set_staleness(0);
    CHECK(exact.read(0)->value[0] == 33);
    exact.clients[0]->set_staleness(2);
    exact.clock(0);
    CHECK(exact.read(0)->value[0] == 33);  // 2 clocks back would be behind what it has read
    CHECK(exact.allowed_by({2, Visibility::exact, false}));
  }
}
