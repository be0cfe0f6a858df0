// Threads that wait, and do the work of the communication thread meanwhile.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sounder/error.hpp>

#include "collectives.hpp"
#include "endpoint.hpp"
#include "skip.hpp"
#include "transport/inproc.hpp"

using namespace sounder::mpi;

namespace {

/// Calls work(endpoint) on a thread for each rank; waits want help or not.
template <class F>
void on_ranks(int ranks, bool wants_help, double deadline, F work) {
  const auto network = InprocNetwork::make(ranks, wants_help);
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  for (int rank = 0; rank < ranks; ++rank)
    endpoints.push_back(std::make_unique<Endpoint>(network->transport(rank), EndpointOptions{deadline}));
  std::vector<std::thread> threads;
  for (auto& endpoint : endpoints) threads.emplace_back([&] { work(*endpoint); });
  for (std::thread& thread : threads) thread.join();
}

/// Notes whether two are in it at the same time.
class Alone {
 public:
  template <class F>
  void run(F f) {
    overlaps_ += inside_.exchange(true);
    f();
    inside_ = false;
  }
  int overlaps() const { return overlaps_; }

 private:
  std::atomic<bool> inside_{false};
  std::atomic<int> overlaps_{0};
};

/// Breaks where a thread that has helped asks whether all has left.
class Breaking final : public Transport {
 public:
  explicit Breaking(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {}
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  void send(int to, Frame frame) override { inner_->send(to, std::move(frame)); }
  std::optional<Frame> receive() override { return inner_->receive(); }
  bool flushed() override {
    if (!std::exchange(broken_, true)) throw sounder::Error("the peer of a send is gone");
    return true;
  }
  void sleep(double seconds) override { inner_->sleep(seconds); }
  void wake() override { inner_->wake(); }
  bool ends_together() const override { return false; }
  bool wants_help() const override { return true; }
  std::string name() const override { return inner_->name(); }
  void abandon() override { inner_->abandon(); }
  [[noreturn]] void abort(int) override { std::abort(); }
  bool hands_over() const override { return true; }
  std::unique_ptr<Window> open_window(std::span<const float> own, std::size_t counts) override { return inner_->open_window(own, counts); }

 private:
  std::unique_ptr<Transport> inner_;
  bool broken_ = false;
};

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("a thread that waits handles frames itself where the transport wants it, and nowhere else") {
    for (const bool wants_help : {false, true}) {
      CAPTURE(wants_help);
      std::atomic<int> handled{0}, posted{0};
      on_ranks(2, wants_help, 30, [&](Endpoint& endpoint) {
        const auto self = std::this_thread::get_id();
        const int rounds = 200;
        for (std::uint64_t round = 0; round < rounds; ++round) {
          Signal come;
          endpoint.handle(Kind::push, [&](const Frame&) {
            handled += std::this_thread::get_id() == self;
            come.set();
          });
          barrier(endpoint);
          endpoint.post_short([&] {
            posted += std::this_thread::get_id() == self;
            endpoint.send(1 - endpoint.rank(), {.kind = Kind::push, .channel = Channel::bulk});
          });
          endpoint.wait(come, {.what = "the frame", .clock = 0, .on = {}});
          endpoint.ignore(Kind::push);
          barrier(endpoint);
        }
      });
      CHECK((handled > 0) == wants_help);
      CHECK((posted > 0) == wants_help);
    }
  }

  TEST_CASE("whoever does the communication thread's work: one at a time, all of it, and in order") {
    constexpr int kThreads = 3;
    constexpr std::uint64_t kReply = 1'000'000;  // no tag of a barrier
    const int rounds = sounder::test::kThreadSanitizer ? 100 : 1000;
    for (const bool wants_help : {false, true}) {
      CAPTURE(wants_help);
      std::array<Alone, 2> alone;
      std::array<int, 2> frames{}, works{}, disorder{};  // of a rank's turns: nothing else guards them
      on_ranks(2, wants_help, 30, [&](Endpoint& endpoint) {
        const auto own = static_cast<std::size_t>(endpoint.rank());
        std::array<std::uint64_t, kThreads> next{};
        endpoint.handle(Kind::push, [&](const Frame& frame) {
          alone[own].run([&] {
            ++frames[own];
            disorder[own] += frame.header.sequence != next[frame.header.tag]++;
            endpoint.send(1 - endpoint.rank(), {.kind = Kind::mail, .channel = Channel::control, .tag = kReply + frame.header.tag});
          });
        });
        barrier(endpoint);
        std::vector<std::thread> threads;
        for (std::uint64_t thread = 0; thread < kThreads; ++thread)
          threads.emplace_back([&, thread] {
            for (int round = 0; round < rounds; ++round) {
              const auto send = [&, round] {
                alone[own].run([&] { ++works[own]; });
                endpoint.send(1 - endpoint.rank(), {.kind = Kind::push, .channel = Channel::bulk, .tag = thread, .sequence = static_cast<std::uint64_t>(round)});
              };
              if (round % 3 == 0)
                endpoint.post(send);
              else if (round % 3 == 1)
                endpoint.post_short(send);
              else
                endpoint.run(send);
              endpoint.receive(1 - endpoint.rank(), Kind::mail, kReply + thread);
            }
          });
        for (std::thread& thread : threads) thread.join();
        barrier(endpoint);
        endpoint.ignore(Kind::push);
      });
      for (const std::size_t rank : {0U, 1U}) {
        CHECK(alone[rank].overlaps() == 0);
        CHECK(frames[rank] == kThreads * rounds);
        CHECK(works[rank] == kThreads * rounds);
        CHECK(disorder[rank] == 0);
      }
    }
  }

  TEST_CASE("what a thread that helps leaves on the desk is done by others") {
    // The helper goes as soon as it has what it waits for; what the handler posts then is nobody's but the communication thread's.
    on_ranks(1, true, 30, [&](Endpoint& endpoint) {
      for (int round = 0; round < 100; ++round) {
        Signal come, later;
        endpoint.handle(Kind::push, [&](const Frame&) {
          come.set();
          endpoint.post([&] { later.set(); });
        });
        endpoint.send(0, {.kind = Kind::push});
        endpoint.wait(come, {.what = "the frame", .clock = 0, .on = {}});
        while (!later.is_set()) std::this_thread::yield();  // does not help
        endpoint.ignore(Kind::push);
      }
      CHECK(endpoint.failure().empty());
    });
  }

  TEST_CASE("a thread that helps fails as others do") {
    SUBCASE("at the deadline") {
      on_ranks(2, true, 0.2, [&](Endpoint& endpoint) {
        if (endpoint.rank() == 0) CHECK_THROWS_AS(endpoint.receive(1, Kind::mail, 1), RankLost);
        else CHECK_THROWS_AS(endpoint.receive(0, Kind::mail, 2), RankLost);
      });
    }
    SUBCASE("where the handler that it calls throws") {
      on_ranks(1, true, 30, [&](Endpoint& endpoint) {
        Signal never;
        endpoint.handle(Kind::push, [](const Frame&) { throw std::runtime_error("a broken frame"); });
        endpoint.send(0, {.kind = Kind::push});
        CHECK_THROWS_WITH_AS(endpoint.wait(never, {.what = "nothing", .clock = 0, .on = {}}), doctest::Contains("a broken frame"), RankLost);
        endpoint.ignore(Kind::push);
      });
    }
    SUBCASE("where the transport throws") {
      const auto network = InprocNetwork::make(1, true);
      Endpoint endpoint(std::make_unique<Breaking>(network->transport(0)), EndpointOptions{30});
      const auto exchange = [&] {
        endpoint.send(0, {.kind = Kind::mail, .tag = 7});
        endpoint.receive(0, Kind::mail, 7);
      };
      for (int i = 0; i < 1000 && endpoint.failure().empty(); ++i) exchange();
      CHECK(endpoint.failure().find("the peer of a send is gone") != std::string::npos);
      CHECK_THROWS_AS(exchange(), RankLost);
    }
    SUBCASE("where that handler waits") {
      on_ranks(1, true, 30, [&](Endpoint& endpoint) {
        Signal never;
        endpoint.handle(Kind::push, [&](const Frame&) { endpoint.receive(0, Kind::mail, 7); });
        endpoint.send(0, {.kind = Kind::push});
        CHECK_THROWS_WITH_AS(endpoint.wait(never, {.what = "nothing", .clock = 0, .on = {}}), doctest::Contains("a handler waits"), RankLost);
        endpoint.ignore(Kind::push);
      });
    }
  }
}
