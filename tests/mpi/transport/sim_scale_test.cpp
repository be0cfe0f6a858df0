// What a rank costs where there are many: counted, not timed, so that it is the same everywhere.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/mpi/data.hpp>
#include <sounder/mpi/fit.hpp>
#include <sounder/mpi/world.hpp>
#include <sounder/model/builtin.hpp>
#include <sounder/shm/backend.hpp>

#include "collectives.hpp"
#include "endpoint.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

constexpr const char* kTurns = "slow: many threads, which take turns";
constexpr int kRanks = 40, kTimes = 4;
constexpr double kMoreMessages = 2;  ///< times as many of a rank where there are 4 times as many ranks: a logarithm
constexpr double kMoreBytes = 7;     ///< the same of bytes: what all tell all is P log P of them; P x P would be 16 times as many

struct Cost {
  double messages = 0, bytes = 0;  ///< that a rank sent, from its first breath to its last, in the mean
  std::string digest;              ///< of the parameters, on rank 0
  double loss = 0, first_loss = 0;
};

constexpr int kFeatures = 40;

/// Trains on two examples a rank, in one round of all of them an epoch. `also` is done by each rank at the end.
Cost cost(int ranks, RankMode mode, const std::function<void(World&)>& also = {}, int features = kFeatures) {
  Cost cost;
  World::run_sim(ranks, {.compute_seconds = 1e-4, .vary = 0.5}, 1, [&](World& world) {
    sounder::Options options;
    options.epochs = 2;
    options.batch = static_cast<std::size_t>(2 * ranks);
    mpi::Options between;
    between.mode = mode;
    between.reducer = ReducerName::tree;
    between.partition = PartitionName::range;
    const SharedSet set = load_train(world, ranks, fmt::format("synthetic:dense,examples={},features={}", 2 * ranks, features), {}, between.partition, 1);
    const Kernel kernel = builtin_kernel({}, set.data, options.rule);
    sounder::Options inside = options;
    inside.batch.reset();
    const auto backend = shm::make_backend(inside);
    RankObserver observer;
    const mpi::Result result = fit(world, {.kernel = kernel, .train = set}, options, between, *backend, observer);
    if (also) also(world);
    for (const Link& link : world.endpoint().links()) {  // one rank after the other
      cost.messages += static_cast<double>(link.messages_sent) / ranks;
      cost.bytes += static_cast<double>(link.bytes_sent) / ranks;
    }
    if (world.rank() != 0) return;
    cost.digest = result.run.digest;
    cost.first_loss = result.run.curve.front().train_loss;
    cost.loss = result.run.curve.back().train_loss;
  });
  return cost;
}

bool grows_slowly(const Cost& few, const Cost& many) {
  return many.messages < kMoreMessages * few.messages && many.bytes < kMoreBytes * few.bytes;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("on four times as many ranks, a rank sends hardly more messages, in every mode") {
    if (test::kThreadSanitizer) return test::skip(kTurns);
    for (const auto& entry : kRankModes) {
      const RankMode mode = entry.value;
      if (mode == RankMode::rma) continue;  // has no windows in virtual time
      const Cost few = cost(kRanks, mode), many = cost(kTimes * kRanks, mode);
      CAPTURE(entry.name);
      CAPTURE(few.messages);
      CAPTURE(many.messages);
      CAPTURE(few.bytes);
      CAPTURE(many.bytes);
      CHECK(grows_slowly(few, many));
      CHECK(many.messages < 400);
      CHECK(many.bytes < 600'000);
      CHECK(many.loss < many.first_loss);
    }
  }

  TEST_CASE("gradients too large to be told to all are added up by a few ranks, also where the sum limit is measured") {
    if (test::kThreadSanitizer) return test::skip(kTurns);
    constexpr int kMoreThanEager = 500;
    const Cost few = cost(kRanks, RankMode::bsp, {}, kMoreThanEager), many = cost(kTimes * kRanks, RankMode::bsp, {}, kMoreThanEager);
    CAPTURE(few.messages);
    CAPTURE(many.messages);
    CHECK(many.messages < kMoreMessages * few.messages);
    CHECK(many.loss < many.first_loss);
  }

  TEST_CASE("who tells all others, or all what all told it, is found out by the count") {
    if (test::kThreadSanitizer) return test::skip(kTurns);
    const auto tells_all = [](World& world) {
      for (int i = 0; i < 4; ++i)
        for (int rank = 0; rank < world.size(); ++rank)
          if (rank != world.rank()) world.endpoint().send(rank, {.kind = Kind::mail, .channel = Channel::bulk, .tag = 1u << 20});
      barrier(world.endpoint());
    };
    const auto gathers_links = [](World& world) {  // as reports of ranks once were
      static_cast<void>(all_gather(world.endpoint(), Payload::of(std::vector<Link>(static_cast<std::size_t>(world.size())))));
    };
    CHECK_FALSE(grows_slowly(cost(kRanks, RankMode::local, tells_all), cost(kTimes * kRanks, RankMode::local, tells_all)));
    CHECK_FALSE(grows_slowly(cost(kRanks, RankMode::local, gathers_links), cost(kTimes * kRanks, RankMode::local, gathers_links)));
  }

  TEST_CASE("the same seed gives the same bits on many ranks") {
    if (test::kThreadSanitizer) return test::skip(kTurns);
    const Cost first = cost(150, RankMode::async), second = cost(150, RankMode::async);
    CHECK(first.digest == second.digest);
    CHECK(first.messages == second.messages);
    CHECK(first.digest != cost(149, RankMode::async).digest);
  }

  TEST_CASE("all to all: large and small payloads come to whom they are for, on few ranks and on many") {
    if (test::kThreadSanitizer) return test::skip(kTurns);
    for (const int ranks : {1, 2, 16, 17, 23, 32, 33, 64, 70})
      World::run_sim(ranks, {}, 0, [&](World& world) {
        const auto size = [](int from, int to) { return static_cast<std::size_t>((from * 7 + to * 3) % 5 == 0 ? 3000 : (from + to) % 40); };
        std::vector<Payload> to;
        for (int rank = 0; rank < ranks; ++rank)
          to.push_back(Payload::of(std::vector<std::uint32_t>(size(world.rank(), rank), static_cast<std::uint32_t>(world.rank() * 100 + rank))));
        const std::vector<Payload> from = all_to_all(world.endpoint(), std::move(to));
        for (int rank = 0; rank < ranks; ++rank) {
          const auto part = from[static_cast<std::size_t>(rank)].as<std::uint32_t>();
          if (part.size() != size(rank, world.rank())) throw Error("another size");
          if (std::ranges::any_of(part, [&](std::uint32_t value) { return value != static_cast<std::uint32_t>(rank * 100 + world.rank()); }))
            throw Error("another payload");
        }
        const std::vector<Payload> all = gather(world.endpoint(), ranks - 1, Payload::of(std::vector<int>{world.rank()}));
        if (all.size() != (world.rank() == ranks - 1 ? static_cast<std::size_t>(ranks) : 0)) throw Error("another number of parts");
        for (std::size_t rank = 0; rank < all.size(); ++rank)
          if (all[rank].as<int>()[0] != static_cast<int>(rank)) throw Error("another part");
      });
  }
}
