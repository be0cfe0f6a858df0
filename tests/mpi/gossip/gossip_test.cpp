// Mode gossip over ranks that are threads: whose values meet, and that nobody waits for who has left.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "gossip/stub.hpp"
#include "modes/gossip.hpp"
#include "protocol/mixing.hpp"
#include "skip.hpp"

using namespace sounder::mpi;
using namespace sounder::mpi::test;

namespace {

/// The definition, in double precision and one thread: all step, then x_i = sum_j w_ij x_j over those that still run the round.
struct Simulated {
  std::vector<std::vector<std::vector<double>>> after;  ///< [round][rank]
  std::vector<double> mean;                             ///< at the end
};

Simulated simulate(const Herd& herd) {
  const Topology topology = Topology::make(herd.mpi.topology, herd.ranks, 1, herd.mpi.allow_disconnected);
  const Mixing mixing(topology);
  const auto start = start_weights(herd.layout);
  std::vector<std::vector<double>> now(static_cast<std::size_t>(herd.ranks), {start.begin(), start.end()});
  Simulated out;
  for (int round = 0; round < *std::max_element(herd.rounds.begin(), herd.rounds.end()); ++round) {
    const auto runs = [&](int rank) { return herd.rounds[static_cast<std::size_t>(rank)] > round; };
    auto stepped = now;
    for (int rank = 0; rank < herd.ranks; ++rank)
      for (std::size_t i = 0; runs(rank) && i < start.size(); ++i) {
        double& x = stepped[static_cast<std::size_t>(rank)][i];
        x = 0.9 * x + static_cast<double>(noise(rank, round, i));
      }
    now = stepped;
    for (int rank = 0; rank < herd.ranks; ++rank) {
      if (!runs(rank)) continue;
      auto& mine = now[static_cast<std::size_t>(rank)];
      mine.assign(mine.size(), 0);
      for (const Share& share : mixing.shares(rank, static_cast<std::uint64_t>(round))) {
        const auto& theirs = stepped[static_cast<std::size_t>(runs(share.rank) ? share.rank : rank)];
        for (std::size_t i = 0; i < mine.size(); ++i) mine[i] += share.weight * theirs[i];
      }
    }
    out.after.push_back(now);
  }
  out.mean.assign(start.size(), 0);
  for (const auto& mine : now)
    for (std::size_t i = 0; i < mine.size(); ++i) out.mean[i] += mine[i] / herd.ranks;
  return out;
}

Herd herd_of(const std::string& topology, std::vector<int> rounds, Hear hear = hear_same_round) {
  Herd herd;
  herd.ranks = static_cast<int>(rounds.size());
  herd.mpi.topology = topology;
  herd.mpi.audit = true;
  herd.rounds = std::move(rounds);
  herd.train = wander;
  herd.make = [hear = std::move(hear)](const Setting& setting) { return make_gossip(setting, hear); };
  return herd;
}

/// The largest difference between what ranks got, in any round or at the end, and what they should.
double error_of(const Herd& herd, const std::vector<Outcome>& outcomes) {
  const Simulated expected = simulate(herd);
  double most = 0;
  for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
    CHECK(outcomes[rank].error == "");
    REQUIRE(outcomes[rank].after.size() == static_cast<std::size_t>(herd.rounds[rank]));
    for (std::size_t round = 0; round < outcomes[rank].after.size(); ++round)
      most = std::max(most, largest_difference(outcomes[rank].after[round], expected.after[round][rank]));
    most = std::max(most, largest_difference(outcomes[rank].end, expected.mean));
    CHECK(outcomes[rank].end == outcomes[0].end);
  }
  return most;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("gossip mixes the values that neighbours have after the same round, and ends with the mean of all") {
    for (const auto& [topology, ranks] : std::initializer_list<std::pair<std::string, int>>{
             {"ring", 1}, {"ring", 2}, {"ring", 5}, {"star", 4}, {"complete", 3}, {"one-peer", 4}, {"one-peer", 5}, {"exponential", 5}}) {
      const Herd herd = herd_of(topology, std::vector(static_cast<std::size_t>(ranks), 12));
      const auto outcomes = run(herd);
      CHECK_MESSAGE(error_of(herd, outcomes) < 1e-5, herd.mpi.topology << " of " << herd.ranks);
      for (const Outcome& out : outcomes) {
        CHECK(out.pads == 12);
        CHECK(out.telemetry.violations == 0);
        CHECK(out.telemetry.staleness_clocks.max() == 0);
        CHECK((out.telemetry.reads > 0) == (ranks > 1));
      }
    }
  }

  TEST_CASE("a gossip that takes what neighbours had a round ago is caught, by the values and by the audit") {
    Herd herd = herd_of("ring", {12, 12, 12, 12});
    std::array<std::array<Frame, 4>, 4> kept;  // each rank writes its own line
    herd.make = [&](const Setting& setting) {
      return make_gossip(setting, [&kept, rank = static_cast<std::size_t>(setting.endpoint.rank())](Endpoint& endpoint, int source,
                                                                                                  std::uint64_t round) {
        Frame& last = kept[rank][static_cast<std::size_t>(source)];
        Frame now = hear_same_round(endpoint, source, round);
        std::swap(last, now);
        return round == 0 ? last : now;
      });
    };
    const auto outcomes = run(herd);
    CHECK(error_of(herd, outcomes) > 0.01);
    for (const Outcome& out : outcomes) {
      CHECK(out.telemetry.violations == 11 * 2);
      CHECK(out.telemetry.staleness_clocks.max() == 1);
    }
  }

  TEST_CASE("nobody waits for a rank that has left; the others go on mixing without it") {
    for (const auto& [topology, rounds] : std::initializer_list<std::pair<std::string, std::vector<int>>>{
             {"ring", {3, 9, 6, 5}}, {"ring", {0, 7, 7}}, {"star", {2, 8, 5, 8}}, {"complete", {1, 2, 3, 4, 5}}, {"ring", {4, 9}},
             {"one-peer", {3, 9, 6, 5}}, {"one-peer", {12, 1, 1, 1, 1}}, {"exponential", {4, 11, 3, 7, 7, 0}}, {"exponential", {2, 9, 9, 9, 9}}}) {
      const Herd herd = herd_of(topology, rounds);
      CHECK_MESSAGE(error_of(herd, run(herd)) < 1e-5, herd.mpi.topology);
    }
  }

  TEST_CASE("no rank is more rounds ahead of another than hops lie between them") {
    const int ranks = 6, rounds = sounder::test::kThreadSanitizer ? 40 : 200;
    std::array<std::atomic<int>, 6> started{};
    std::atomic<int> too_far{0};
    Herd herd = herd_of("ring", std::vector<int>(ranks, rounds));
    std::vector<std::vector<int>> hops;
    for (int rank = 0; rank < ranks; ++rank) hops.push_back(Topology::make("ring", ranks).distances(rank));
    const auto look = [&](int rank, int round) {
      started[static_cast<std::size_t>(rank)] = round;
      for (std::size_t other = 0; other < started.size(); ++other)
        if (round - started[other] > hops[static_cast<std::size_t>(rank)][other]) ++too_far;
    };
    herd.train = [&](int rank, int round, std::vector<float>&) { look(rank, round); };
    run(herd);
    CHECK(too_far == 0);

    // A gossip that does not wait is caught: rank 3 stands still until rank 0 is ten rounds on.
    for (auto& round : started) round = 0;
    herd.make = [](const Setting& setting) {
      return make_gossip(setting, [](Endpoint&, int, std::uint64_t round) {
        return Frame{{.clock = round}, Payload::of(std::vector<float>(packed_size(small_layout())))};
      });
    };
    herd.train = [&](int rank, int round, std::vector<float>&) {
      while (rank == 3 && round == 0 && started[0] < 10) std::this_thread::yield();
      look(rank, round);
    };
    run(herd);
    CHECK(too_far > 0);
  }

  TEST_CASE("rule state is a rank's own") {
    const auto outcomes = run(herd_of("ring", {5, 5, 5}));
    for (std::size_t rank = 0; rank < 3; ++rank) CHECK(outcomes[rank].states == std::vector<float>(7, static_cast<float>(rank)));
  }

  TEST_CASE("without training ranks that differ come together, and a graph in parts does not") {
    // Only round 0 trains: ranks get numbers of their own.
    const auto spread_after = [](const std::string& topology, int rounds) {
      Herd herd = herd_of(topology, std::vector<int>(4, rounds));
      herd.mpi.allow_disconnected = true;
      herd.train = [](int rank, int round, std::vector<float>& weights) {
        for (float& w : weights) w = round == 0 ? static_cast<float>(rank * rank) : w;  // no two pairs have one mean
      };
      const auto outcomes = run(herd);
      float least = 9, most = 0;
      for (const Outcome& out : outcomes) least = std::min(least, out.after.back()[0]), most = std::max(most, out.after.back()[0]);
      return static_cast<double>(most - least);
    };
    CHECK(spread_after("ring", 20) < 1e-5);
    CHECK(spread_after("one-peer", 2) < 1e-6);
    CHECK(spread_after("random:1", 20) > 0.1);  // pairs
  }

  TEST_CASE("the record says over what was gossiped, and how far apart ranks were in the end") {
    const auto outcomes = run(herd_of("ring", {4, 4, 4, 4, 4, 4, 4, 4}));
    CHECK(outcomes[0].telemetry.remark.find("ring of 8 ranks, degree 2; 2 messages a round and rank; consensus distance ") == 0);
    CHECK(outcomes[0].telemetry.remark.find("spectral gap 0.195 a round") != std::string::npos);
  }

  TEST_CASE("ranks that were given different graphs refuse, all with the same sentence") {
    const auto outcomes = run(herd_of("ring", {2, 2, 2, 2}), [](int rank, Options& mpi) {
      if (rank == 2) mpi.topology = "star";
    });
    for (const Outcome& out : outcomes) CHECK(out.error.find(" is another graph on rank 2 than on rank 0: give all ranks the same") != std::string::npos);
    const auto faulty = run(herd_of("ring", {2, 2, 2, 2}), [](int rank, Options& mpi) {
      if (rank == 1) mpi.topology = "random:9";
    });
    for (const Outcome& out : faulty) CHECK(out.error == "--topology random:9: 4 ranks have at most 3 neighbours: give less");
  }
}
