// Ranks as threads of one process: order, hand-over, failures.
#include <doctest/doctest.h>

#include <thread>

#include <sounder/mpi/world.hpp>

#include "collectives.hpp"
#include "endpoint.hpp"
#include "skip.hpp"
#include "transport/inproc.hpp"

using namespace sounder::mpi;

namespace {

Header mail(std::uint64_t tag, Channel channel = Channel::bulk) { return {.kind = Kind::mail, .channel = channel, .tag = tag}; }

/// Calls work(endpoint) on a thread for each rank, over `network`.
template <class F>
void on_ranks(InprocNetwork& network, int ranks, double deadline, F work) {
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  for (int rank = 0; rank < ranks; ++rank)
    endpoints.push_back(std::make_unique<Endpoint>(network.transport(rank), EndpointOptions{deadline}));
  std::vector<std::thread> threads;
  for (auto& endpoint : endpoints) threads.emplace_back([&] { work(*endpoint); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("within a process a payload is handed over, not copied") {
    std::atomic<const std::byte*> sent{nullptr};
    std::atomic<const std::byte*> received{nullptr};
    World::run_inproc(2, [&](World& world) {
      if (world.rank() == 0) {
        Payload payload = Payload::of(std::vector<float>(1 << 20, 1.F));
        sent = payload.bytes().data();
        world.endpoint().send(1, mail(7), std::move(payload));
      } else {
        received = world.endpoint().receive(0, Kind::mail, 7).payload.bytes().data();
      }
    });
    CHECK(sent.load() != nullptr);
    CHECK(sent.load() == received.load());
  }

  TEST_CASE("frames of a channel arrive in the order in which they were sent, also late ones") {
    const int frames = sounder::test::kThreadSanitizer ? 200 : 2000;
    for (const bool late : {false, true}) {
      const auto network = InprocNetwork::make(3);
      if (late)
        network->set_fate([](int, int, const Header& header) { return Fate{.lost = false, .delay_seconds = 1e-4 * static_cast<double>(header.sequence % 3)}; });
      std::atomic<int> disorder{0}, arrived{0};
      on_ranks(*network, 3, 30, [&](Endpoint& endpoint) {
        std::vector<std::uint64_t> next(3 * kChannels);
        Signal all;
        int seen = 0;
        endpoint.handle(Kind::push, [&](Frame frame) {
          auto& expected = next[static_cast<std::size_t>(frame.header.source * kChannels) + static_cast<std::size_t>(frame.header.channel)];
          disorder += frame.header.sequence != expected;
          ++expected;
          ++arrived;
          if (++seen == 2 * frames * kChannels) all.set();
        });
        barrier(endpoint);
        for (int i = 0; i < frames; ++i)
          for (int channel = 0; channel < kChannels; ++channel)
            for (int to = 0; to < 3; ++to)
              if (to != endpoint.rank())
                endpoint.send(to, Header{.kind = Kind::push, .channel = static_cast<Channel>(channel), .sequence = static_cast<std::uint64_t>(i)});
        endpoint.wait(all, {.what = "all frames", .clock = 0, .on = {}});
        endpoint.ignore(Kind::push);
      });
      CHECK(disorder == 0);
      CHECK(arrived == 6 * frames * kChannels);
    }
  }

  TEST_CASE("frames that came before their handler are given to it, in order") {
    World::run_inproc(2, [&](World& world) {
      Endpoint& endpoint = world.endpoint();
      if (world.rank() == 0) {
        for (std::uint64_t i = 0; i < 100; ++i) endpoint.send(1, Header{.kind = Kind::push, .tag = 100 - i, .sequence = i});
        barrier(endpoint);
        return;
      }
      barrier(endpoint);
      std::vector<std::uint64_t> order;
      Signal all;
      endpoint.handle(Kind::push, [&](Frame frame) {
        order.push_back(frame.header.sequence);
        if (order.size() == 100) all.set();
      });
      endpoint.wait(all, {});
      endpoint.ignore(Kind::push);
      for (std::uint64_t i = 0; i < 100; ++i)
        if (order[i] != i) throw std::runtime_error("out of order");
    });
  }

  TEST_CASE("several threads of a rank may send and wait at once") {
    const int threads = 4, frames = sounder::test::kThreadSanitizer ? 100 : 1000;
    World::run_inproc(2, [&](World& world) {
      Endpoint& endpoint = world.endpoint();
      std::atomic<int> wrong{0};
      std::vector<std::thread> team;
      for (int thread = 0; thread < threads; ++thread)
        team.emplace_back([&, thread] {
          for (int i = 0; i < frames; ++i) {
            const auto tag = static_cast<std::uint64_t>(1'000'000 + thread * frames + i);
            endpoint.send(1 - world.rank(), mail(tag), Payload::of(std::vector<std::uint64_t>{tag}));
            wrong += endpoint.receive(1 - world.rank(), Kind::mail, tag).payload.as<std::uint64_t>()[0] != tag;
          }
        });
      for (std::thread& thread : team) thread.join();
      if (wrong != 0) throw std::runtime_error("a frame was given to the wrong thread");
      barrier(endpoint);
    });
  }

  TEST_CASE("collectives give every rank what the others gave") {
    for (const int ranks : {1, 2, 3, 5, 8})
      World::run_inproc(ranks, [&](World& world) {
        Endpoint& endpoint = world.endpoint();
        for (int repeat = 0; repeat < 3; ++repeat) {
          barrier(endpoint);
          const std::vector<Payload> all = all_gather(endpoint, Payload::of(std::vector<int>{world.rank(), repeat}));
          for (int rank = 0; rank < ranks; ++rank)
            if (all[static_cast<std::size_t>(rank)].as<int>()[0] != rank || all[static_cast<std::size_t>(rank)].as<int>()[1] != repeat)
              throw std::runtime_error("all_gather");
          const int root = repeat % ranks;
          const Payload word = broadcast(endpoint, root, world.rank() == root ? Payload::of(std::vector<int>{root}) : Payload());
          if (word.as<int>()[0] != root) throw std::runtime_error("broadcast");
          std::vector<Payload> letters;
          for (int to = 0; to < ranks; ++to) letters.push_back(Payload::of(std::vector<int>{world.rank() * 100 + to}));
          const std::vector<Payload> mine = all_to_all(endpoint, std::move(letters));
          for (int from = 0; from < ranks; ++from)
            if (mine[static_cast<std::size_t>(from)].as<int>()[0] != from * 100 + world.rank()) throw std::runtime_error("all_to_all");
          const std::vector<double> part{1.0, 0.1 * world.rank()};
          if (all_sum(endpoint, std::span<const double>(part))[0] != ranks) throw std::runtime_error("all_sum");
        }
      });
  }

  TEST_CASE("nobody passes a barrier before all have come") {
    const int ranks = 5;
    std::atomic<int> come{0}, early{0};
    World::run_inproc(ranks, [&](World& world) {
      for (int i = 1; i <= 50; ++i) {
        ++come;
        barrier(world.endpoint());
        early += come < i * ranks;
      }
    });
    CHECK(early == 0);
  }

  TEST_CASE("what is run on the communication thread has run, and its exception comes back") {
    World::run_inproc(2, [&](World& world) {
      Endpoint& endpoint = world.endpoint();
      std::thread::id thread;
      endpoint.run([&] { thread = std::this_thread::get_id(); });
      if (thread == std::this_thread::get_id() || thread == std::thread::id()) throw std::runtime_error("which thread?");
      std::string message;
      try {
        endpoint.run([] { throw sounder::Error("no"); });
      } catch (const sounder::Error& error) {
        message = error.what();
      }
      if (message != "no") throw std::runtime_error("lost exception");
      int steps = 0;
      endpoint.poll([&] { return ++steps == 10; }, {});
      if (steps != 10) throw std::runtime_error("steps");
      barrier(endpoint);
    });
  }

  TEST_CASE("the exception of a rank ends the waits of the others at once, and is the one that comes out") {
    CHECK_THROWS_WITH_AS(World::run_inproc(3,
                                           [](World& world) {
                                             if (world.rank() == 1) throw sounder::Error("the second file is bad");
                                             barrier(world.endpoint());
                                             barrier(world.endpoint());
                                           },
                                           3600),
                         "the second file is bad", sounder::Error);
  }

  TEST_CASE("whoever waits for a rank that has ended learns so at once") {
    CHECK_THROWS_WITH_AS(World::run_inproc(2,
                                           [](World& world) {
                                             if (world.rank() == 0) world.endpoint().receive(1, Kind::mail, 12345, {.what = "a letter", .clock = 0, .on = {}});
                                           },
                                           3600),
                         "rank 1 has ended its part of the run, and rank 0 still waits for it (a letter)", RankLost);
  }

  TEST_CASE("a handler that throws fails the run, in its own words") {
    CHECK_THROWS_WITH_AS(World::run_inproc(2,
                                           [](World& world) {
                                             Endpoint& endpoint = world.endpoint();
                                             endpoint.handle(Kind::push, [](Frame) { throw std::runtime_error("what a frame"); });
                                             barrier(endpoint);
                                             if (world.rank() == 0) endpoint.send(1, Header{.kind = Kind::push});
                                             endpoint.receive(1 - world.rank(), Kind::mail, 12345);
                                           },
                                           3600),
                         "rank 1: what a frame", RankLost);
  }

  TEST_CASE("at the deadline all who answer end with the same verdict about the rank that does not") {
    const auto network = InprocNetwork::make(4);
    std::mutex mutex;
    std::vector<std::string> verdicts;
    on_ranks(*network, 4, 5, [&](Endpoint& endpoint) {
      endpoint.set_hosts({"A", "A", "B", "B"});
      barrier(endpoint);
      if (endpoint.rank() == 2) {  // not before all have heard from it what they wait for at the barrier
        for (const int other : {0, 1, 3}) endpoint.receive(other, Kind::mail, 76);
        return network->cut_off(2);
      }
      endpoint.send(2, mail(76));
      std::string verdict;
      try {
        endpoint.receive(endpoint.rank() == 3 ? 0 : 2, Kind::mail, 77, {.what = "the gradients of the round", .clock = 17, .on = {}});
      } catch (const RankLost& lost) {
        verdict = lost.what();
      }
      const std::lock_guard lock(mutex);
      verdicts.push_back(verdict);
    });
    REQUIRE(verdicts.size() == 3);
    CHECK(verdicts[0].starts_with("rank 2 on B does not answer: rank "));
    CHECK(verdicts[0].find("for rank 2 (the gradients of round 17)") != std::string::npos);
    CHECK(verdicts[0].find("rank 3 waited ") != std::string::npos);
    CHECK(verdicts[0].ends_with("start again, or raise --deadline"));
    CHECK(verdicts[1] == verdicts[0]);
    CHECK(verdicts[2] == verdicts[0]);
  }

  TEST_CASE("a rank that answers but is behind is named as such") {
    const auto network = InprocNetwork::make(3);
    std::mutex mutex;
    std::vector<std::string> verdicts;
    on_ranks(*network, 3, 5, [&](Endpoint& endpoint) {
      barrier(endpoint);
      std::string verdict;
      if (endpoint.rank() == 2) {
        while ((verdict = endpoint.failure()).empty()) std::this_thread::yield();
      } else {
        try {
          endpoint.receive(2, Kind::mail, 77, {.what = "values", .clock = 3, .on = {}});
        } catch (const RankLost& lost) {
          verdict = lost.what();
        }
      }
      const std::lock_guard lock(mutex);
      verdicts.push_back(verdict);
    });
    REQUIRE(verdicts.size() == 3);
    CHECK(verdicts[0].find("rank 2 is alive but behind, and waits for nobody: it computes") != std::string::npos);
    CHECK(verdicts[1] == verdicts[0]);
    CHECK(verdicts[2] == verdicts[0]);
  }

  TEST_CASE("the time that a rank waits is booked on the rank that it waited for") {
    const auto network = InprocNetwork::make(3);
    on_ranks(*network, 3, 30, [&](Endpoint& endpoint) {
      barrier(endpoint);
      if (endpoint.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(60));
      if (endpoint.rank() != 0) return endpoint.send(0, mail(500));
      const double before = endpoint.wait_seconds();
      const double before1 = endpoint.links()[1].waited_seconds;
      endpoint.receive(2, Kind::mail, 500);
      endpoint.receive(1, Kind::mail, 500);
      const double waited = endpoint.wait_seconds() - before;
      const std::vector<Link> links = endpoint.links();
      CHECK(links[1].waited_seconds - before1 > 0.5 * waited);
      CHECK(links[0].waited_seconds == 0);
      CHECK(links[1].messages_received >= 1);
    });
  }
}
