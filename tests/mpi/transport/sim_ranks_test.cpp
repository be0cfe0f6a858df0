// Ranks in virtual time: what passes it, that it is the same twice, and that failures end it.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/error.hpp>
#include <sounder/mpi/world.hpp>

#include "collectives.hpp"
#include "endpoint.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

/// Messages take a second, a byte a thousandth more.
constexpr SimModel kSlow{.compute_seconds = 0, .latency_seconds = 1, .bytes_per_second = 1000};
constexpr std::uint64_t kTag = 1000;  // no collective's

double now(World& world) { return std::chrono::duration<double>(world.endpoint().time().now().time_since_epoch()).count(); }

void mail(World& world, int to, std::size_t bytes) {
  world.endpoint().send(to, {.kind = Kind::mail, .tag = kTag}, Payload::of(std::vector<char>(bytes)));
}
void take(World& world, int from) { static_cast<void>(world.endpoint().receive(from, Kind::mail, kTag)); }

/// What `work` returns on each rank.
std::vector<double> on_ranks(int ranks, const SimModel& model, std::uint64_t seed, const std::function<double(World&)>& work) {
  std::vector<double> results(static_cast<std::size_t>(ranks));
  World::run_sim(ranks, model, seed, [&](World& world) { results[static_cast<std::size_t>(world.rank())] = work(world); });
  return results;
}

/// Seconds from when rank 0, the last to get `bytes` from each of the others, begins to wait for them.
double gathered(int ranks, std::size_t bytes, bool from_one) {
  return on_ranks(ranks, kSlow, 0, [&](World& world) {
    world.endpoint().time().sleep(1000);  // all begin then
    const double begin = now(world);
    if (world.rank() != 0 && (!from_one || world.rank() == 1)) mail(world, 0, bytes - sizeof(Header));
    for (int rank = 1; world.rank() == 0 && rank < (from_one ? 2 : ranks); ++rank) take(world, rank);
    const double end = now(world);
    barrier(world.endpoint());
    return end - begin;
  })[0];
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("virtual time passes in sleeps and on the way, on all ranks at once") {
    const std::vector<double> ends = on_ranks(5, {}, 0, [](World& world) {
      const double begin = now(world);
      world.endpoint().time().sleep(1 + world.rank());
      return now(world) - begin;
    });
    for (int rank = 0; rank < 5; ++rank) CHECK(ends[static_cast<std::size_t>(rank)] == doctest::Approx(1 + rank));
  }

  TEST_CASE("a message takes latency and bandwidth; many to one wait for each other at its port") {
    CHECK(gathered(2, 2000, true) == doctest::Approx(1 + 2));
    CHECK(gathered(5, 2000, false) == doctest::Approx(1 + 4 * 2));
    CHECK(gathered(5, 2000, true) == doctest::Approx(1 + 2).epsilon(0.05));  // the control: one sender, and the barrier of the others
  }

  TEST_CASE("a round takes what the model says, and its variation has mean 1") {
    constexpr int kRounds = 2000;
    const auto mean = [](double vary, std::uint64_t seed) {
      return on_ranks(1, {.compute_seconds = 1e-3, .round_seconds = 0.5, .vary = vary}, seed, [](World& world) {
        const double begin = now(world);
        for (std::uint64_t round = 0; round < kRounds; ++round) {
          world.endpoint().time().worked(round, 500);
          world.endpoint().time().published(round);
        }
        return (now(world) - begin) / kRounds;
      })[0];
    };
    CHECK(mean(0, 1) == doctest::Approx(1));
    CHECK(mean(0.5, 1) == doctest::Approx(1).epsilon(0.05));
    CHECK(mean(0.5, 1) == mean(0.5, 1));
    CHECK(mean(0.5, 1) != mean(0.5, 2));
  }

  TEST_CASE("the same seed gives the same times, another one others") {
    const auto run = [](std::uint64_t seed) {
      return on_ranks(20, {.latency_seconds = 1, .jitter = 0.5}, seed, [](World& world) {
        for (int i = 0; i < 3; ++i) static_cast<void>(all_gather(world.endpoint(), {}));
        return now(world);
      });
    };
    CHECK(run(1) == run(1));
    CHECK(run(1) != run(2));
  }

  TEST_CASE("a gathering brings what each rank gave, in their order, whatever their number and sizes") {
    for (const int ranks : {1, 2, 15, 16, 17, 18, 31, 32, 33, 50})
      World::run_sim(ranks, {}, 0, [&](World& world) {
        const auto rank = static_cast<std::size_t>(world.rank());
        const std::vector<Payload> all = all_gather(world.endpoint(), Payload::of(std::vector<std::uint64_t>(rank % 5, rank)));
        if (all.size() != static_cast<std::size_t>(ranks)) throw Error("another number of parts");
        for (std::size_t from = 0; from < all.size(); ++from) {
          const auto part = all[from].as<std::uint64_t>();
          if (part.size() != from % 5 || std::ranges::any_of(part, [&](std::uint64_t value) { return value != from; }))
            throw Error("another part");
        }
      });
  }

  TEST_CASE("who fails ends the others, and who never sends is found out at the deadline, in virtual time") {
    CHECK_THROWS_WITH_AS(World::run_sim(4, {}, 0, [](World& world) {
      if (world.rank() == 2) throw Error("out of luck");
      barrier(world.endpoint());
    }), "out of luck", Error);
    const auto begin = std::chrono::steady_clock::now();
    std::string said;
    try {
      World::run_sim(3, {}, 0, [](World& world) {
        if (world.rank() == 0) take(world, 1);
        if (world.rank() == 1) world.endpoint().time().sleep(1e6);
        if (world.rank() == 2) barrier(world.endpoint());
      }, 3600);
    } catch (const Error& error) {
      said = error.what();
    }
    CHECK(said.find("rank 0") != said.npos);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::minutes(30));
  }

  TEST_CASE("the model is read, written, and refused in one sentence") {
    const SimModel model = SimModel::parse("compute=2us,round=1ms,vary=0.1,latency=3ms,jitter=0.2,bandwidth=10MB/s,gap=5ns");
    CHECK(model.compute_seconds == doctest::Approx(2e-6));
    CHECK(model.bytes_per_second == doctest::Approx(1e7));
    CHECK(SimModel::parse(model.text()).text() == model.text());
    CHECK(SimModel::parse("").text() == SimModel{}.text());
    for (const char* bad : {"compute=2", "compute", "speed=1", "latency=-1s", "vary=0.1s", "bandwidth=0", "compute=1us,,gap=0", "jitter=nan"})
      CHECK_THROWS_WITH_AS(SimModel::parse(bad), doctest::Contains("--sim"), Error);
  }
}
