// Mode local over ranks that are threads: what is averaged, when, and who trains.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <mutex>
#include <set>

#include "gossip/stub.hpp"

using namespace sounder::mpi;
using namespace sounder::mpi::test;

namespace {

Herd local_herd(int ranks, int rounds, int local_rounds) {
  Herd herd;
  herd.ranks = ranks;
  herd.rounds.assign(static_cast<std::size_t>(ranks), rounds);
  herd.mpi.local_rounds = local_rounds;
  herd.train = wander;
  herd.make = [](const Setting& setting) { return local_mode().make(setting); };
  return herd;
}

using Weights = std::vector<double>;

/// The definition in double precision. `weight(cycle, rank)` of each rank in the averages, 0: it does not train either.
std::vector<Weights> simulate(const Herd& herd, const std::function<double(int cycle, int rank)>& weight) {
  const auto start = start_weights(herd.layout);
  Weights common(start.begin(), start.end()), velocity(common.size());
  std::vector<Weights> now(static_cast<std::size_t>(herd.ranks), common), after;
  for (int round = 0; round < herd.rounds[0]; ++round) {
    const int cycle = round / herd.mpi.local_rounds;
    for (int rank = 0; rank < herd.ranks; ++rank)
      for (std::size_t i = 0; weight(cycle, rank) > 0 && i < common.size(); ++i) {
        double& x = now[static_cast<std::size_t>(rank)][i];
        x = 0.9 * x + static_cast<double>(noise(rank, round, i));
      }
    if ((round + 1) % herd.mpi.local_rounds == 0 || round + 1 == herd.rounds[0]) {
      double total = 0;
      for (int rank = 0; rank < herd.ranks; ++rank) total += weight(cycle, rank);
      for (std::size_t i = 0; i < common.size(); ++i) {
        double movement = 0;
        for (int rank = 0; rank < herd.ranks; ++rank)
          movement += weight(cycle, rank) / total * (now[static_cast<std::size_t>(rank)][i] - common[i]);
        velocity[i] = herd.mpi.outer_momentum * velocity[i] + movement;
        common[i] += velocity[i];
      }
      now.assign(now.size(), common);
    }
    for (const Weights& mine : now) after.push_back(mine);
  }
  return after;
}

double error_of(const Herd& herd, const std::vector<Outcome>& outcomes, const std::function<double(int, int)>& weight) {
  const auto expected = simulate(herd, weight);
  double most = 0;
  for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
    CHECK(outcomes[rank].error == "");
    for (std::size_t round = 0; round + 1 < outcomes[rank].after.size(); ++round)  // the last average may come with finish()
      most = std::max(most, largest_difference(outcomes[rank].after[round], expected[round * outcomes.size() + rank]));
    most = std::max(most, largest_difference(outcomes[rank].end, expected.back()));
    CHECK(std::memcmp(outcomes[rank].end.data(), outcomes[0].end.data(), outcomes[0].end.size() * sizeof(float)) == 0);
  }
  return most;
}

double alike(int, int) { return 1; }

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("local averages what the ranks made of their rounds, and not before") {
    for (const int ranks : {1, 2, 3, 4})
      for (const int local_rounds : {1, 3, 5}) {
        const Herd herd = local_herd(ranks, 12, local_rounds);
        const auto outcomes = run(herd);
        CHECK(error_of(herd, outcomes, alike) < 1e-5);
        for (const Outcome& out : outcomes) {
          CHECK(out.pads == 12);
          CHECK(out.telemetry.staleness_clocks.count() == 12);
          CHECK(out.telemetry.staleness_clocks.max() == static_cast<std::uint64_t>(local_rounds - 1));
        }
      }
    // What is expected can fail: averages at other times are something else.
    Herd herd = local_herd(3, 12, 3);
    const auto outcomes = run(herd);
    herd.mpi.local_rounds = 4;
    CHECK(error_of(herd, outcomes, alike) > 0.01);
  }

  TEST_CASE("alone, local is the node's mode to the bit") {
    const Herd herd = local_herd(1, 7, 2);
    auto weights = start_weights(herd.layout);
    for (int round = 0; round < 7; ++round) wander(0, round, weights);
    CHECK(run(herd)[0].end == weights);
  }

  TEST_CASE("with --weight-samples ranks count by the examples that they saw") {
    Herd herd = local_herd(3, 6, 2);
    herd.mpi.weight_samples = true;
    herd.examples = {10, 30, 4};
    const auto by_examples = [&](int, int rank) { return static_cast<double>(herd.examples[static_cast<std::size_t>(rank)]); };
    const auto outcomes = run(herd);
    CHECK(error_of(herd, outcomes, by_examples) < 1e-5);
    CHECK(error_of(herd, outcomes, alike) > 0.01);
  }

  TEST_CASE("with --outer-momentum the mean movement is followed with momentum") {
    for (const int ranks : {1, 3}) {
      Herd herd = local_herd(ranks, 12, 2);
      herd.mpi.outer_momentum = 0.5;
      const auto outcomes = run(herd);
      CHECK(error_of(herd, outcomes, alike) < 1e-4);
      herd.mpi.outer_momentum = 0;
      CHECK(error_of(herd, outcomes, alike) > 0.01);
    }
  }

  TEST_CASE("momentum does not lead out of the set that a model keeps its weights in") {
    Herd herd = local_herd(2, 8, 1);
    herd.mpi.outer_momentum = 0.9;
    herd.train = [](int, int, std::vector<float>& weights) {
      for (float& w : weights) w = std::min(1.f, w + 0.3f);
    };
    herd.with_kernel = [](sounder::Kernel& kernel) {
      kernel.project = [](int, std::span<float> row) {
        for (float& w : row) w = std::min(1.f, w);
      };
    };
    const auto within = run(herd);
    CHECK(*std::max_element(within[0].end.begin(), within[0].end.end()) == 1);
    herd.with_kernel = [](sounder::Kernel&) {};
    const auto out = run(herd);
    CHECK(*std::max_element(out[0].end.begin(), out[0].end.end()) > 1);
  }

  TEST_CASE("with --participation a draw of the ranks trains between two averages, and the others get its mean") {
    Herd herd = local_herd(4, 20, 2);
    herd.mpi.participation = 0.3;  // 2 of 4
    std::mutex door;
    std::set<std::pair<int, int>> trained;  // cycle, rank
    herd.train = [&](int rank, int round, std::vector<float>& weights) {
      wander(rank, round, weights);
      const std::lock_guard lock(door);
      trained.insert({round / 2, rank});
    };
    const auto outcomes = run(herd);
    CHECK(error_of(herd, outcomes, [&](int cycle, int rank) { return trained.contains({cycle, rank}) ? 1. : 0.; }) < 1e-5);
    std::set<std::set<int>> draws;
    std::set<int> anyone;
    for (int cycle = 0; cycle < 10; ++cycle) {
      std::set<int> draw;
      for (const auto& [of, rank] : trained)
        if (of == cycle) draw.insert(rank), anyone.insert(rank);
      CHECK(draw.size() == 2);
      draws.insert(draw);
    }
    CHECK(draws.size() > 2);
    CHECK(anyone.size() == 4);
    for (std::size_t rank = 0; rank < 4; ++rank) {
      std::size_t rounds = 0;
      for (std::size_t round = 0; round < 20; ++round) {
        const bool trains = trained.contains({static_cast<int>(round / 2), static_cast<int>(rank)});
        CHECK(outcomes[rank].taken[round] == (trains ? 10u : 0u));  // who passes has processed nothing
        rounds += trains;
      }
      CHECK(outcomes[rank].pads == rounds);
    }
    CHECK(outcomes[0].telemetry.remark.find("10 averages, 2 rounds apart, in which 2 of 4 ranks train") == 0);
  }

  TEST_CASE("local sends the rows that moved if they are few, and rule state never") {
    Herd herd = local_herd(4, 4, 1);
    herd.layout = small_layout(5000);
    herd.train = [](int rank, int round, std::vector<float>& weights) {
      for (std::size_t i = 0; i < 30; ++i) weights[i * 37 + static_cast<std::size_t>(rank)] += noise(rank, round, i);
    };
    const auto outcomes = run(herd);
    // The same by hand.
    const auto start = start_weights(herd.layout);
    Weights now(start.begin(), start.end());
    for (int round = 0; round < 4; ++round)
      for (int rank = 0; rank < 4; ++rank)
        for (std::size_t i = 0; i < 30; ++i) now[i * 37 + static_cast<std::size_t>(rank)] += static_cast<double>(noise(rank, round, i)) / 4;
    CHECK(largest_difference(outcomes[3].end, now) < 1e-6);
    for (std::size_t rank = 0; rank < 4; ++rank) CHECK(outcomes[rank].states == std::vector<float>(5000, static_cast<float>(rank)));
    const std::string& remark = outcomes[0].telemetry.remark;
    const auto at = remark.find("rows that moved were ");
    REQUIRE(at != std::string::npos);
    CHECK(std::stod(remark.substr(at + 21)) < 10);
  }
}
