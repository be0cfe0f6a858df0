// Mode pushsum: masses over a simulated network of directed links, and the mode over ranks that are threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "gossip/stub.hpp"
#include "modes/pushsum.hpp"
#include "protocol/push_sum.hpp"
#include "skip.hpp"
#include "transport/sim.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::mpi::test;

namespace {

/// The negative controls: nothing is taken off what is given away; weights are left out of account.
class KeepsAll final : public PushSum {
 public:
  using PushSum::PushSum;

 protected:
  double kept(std::size_t) const override { return 1; }
};

/// A directed graph whose ranks are heard by unequally many: i tells i + 1, and everyone tells 0 as well.
std::vector<int> uneven_targets(int rank, int ranks) {
  std::vector<int> targets{(rank + 1) % ranks};
  if (rank != 0 && targets[0] != 0) targets.push_back(0);
  return targets;
}

struct Case {
  int ranks = 5, rounds = 120;
  std::uint64_t seed = 0;
  bool plain = false;     ///< each adds what comes by equal parts, as if all weighed the same
  bool keeps_all = false;
};

class Rank final : public SimActor {
 public:
  Rank(Sim& sim, const Case& c, int rank) : z{static_cast<float>(rank * rank), 1.f}, sim_(sim), case_(c), rank_(rank) {
    sum = c.keeps_all ? std::make_unique<KeepsAll>(z.size()) : std::make_unique<PushSum>(z.size());
  }
  /// Ranks go at paces of their own.
  void begin() { sim_.timer(rank_, (1 + rank_ % 3) * (0.5 + sim_.random().uniform()), 0); }
  void on_timer(std::uint64_t, Outbox& out) override {
    const auto targets = uneven_targets(rank_, case_.ranks);
    if (case_.plain) {
      for (const int target : targets) out.send(target, {.kind = Kind::parameters}, Payload::of(z));
    } else {
      sum->give(z, targets, round_, out);
      sum->merge(z);
    }
    if (++round_ < static_cast<std::uint64_t>(case_.rounds)) begin();
  }
  void on_frame(Frame frame, Outbox&) override {
    if (!case_.plain) return sum->take(frame);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] = 0.5f * (z[i] + frame.payload.as<float>()[i]);
  }

  std::vector<float> z;
  std::unique_ptr<PushSum> sum;

 private:
  Sim& sim_;
  const Case& case_;
  const int rank_;
  std::uint64_t round_ = 0;
};

struct Ended {
  double weights = 0, bias = 0, mass_off = 0;
};

Ended simulate(const Case& c) {
  Sim sim({.ranks = c.ranks, .seed = c.seed, .shortest = 0.05, .longest = 2});
  std::vector<std::unique_ptr<Rank>> ranks;
  double mean = 0;
  for (int rank = 0; rank < c.ranks; ++rank) {
    ranks.push_back(std::make_unique<Rank>(sim, c, rank));
    sim.attach(rank, *ranks.back());
    mean += static_cast<double>(rank * rank) / c.ranks;
  }
  for (auto& rank : ranks) rank->begin();
  sim.run();
  Ended ended;
  double mass = 0;
  for (auto& rank : ranks) {
    rank->sum->merge(rank->z);
    ended.weights += rank->sum->weight();
    mass += rank->sum->weight() * static_cast<double>(rank->z[0]);
    ended.bias = std::max(ended.bias, std::abs(static_cast<double>(rank->z[0]) - mean));
  }
  ended.mass_off = std::abs(mass - mean * c.ranks);
  return ended;
}

constexpr std::uint64_t kDraws = sounder::test::kThreadSanitizer ? 20 : 300;

Herd herd_of(const std::string& topology, std::vector<int> rounds, PushSumFactory make_sum) {
  Herd herd;
  herd.ranks = static_cast<int>(rounds.size());
  herd.mpi.mode = RankMode::pushsum;
  herd.mpi.topology = topology;
  herd.mpi.audit = true;
  herd.rounds = std::move(rounds);
  herd.make = [make_sum = std::move(make_sum)](const Setting& setting) { return make_pushsum(setting, make_sum); };
  // Ranks get numbers of their own in round 0, and mix from then on.
  herd.train = [](int rank, int round, std::vector<float>& weights) {
    if (round == 0) std::fill(weights.begin(), weights.end(), static_cast<float>(rank * rank));
  };
  return herd;
}

std::unique_ptr<PushSum> honest(std::size_t floats, double weight) { return std::make_unique<PushSum>(floats, weight); }

/// Keeps what is sent.
struct Outgoing final : Outbox {
  void send(int, Header header, Payload payload) override { frames.push_back({header, std::move(payload)}); }
  std::vector<Frame> frames;
};

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("pushsum: weights and masses are kept, and all ranks come to the mean, on an uneven directed graph at uneven paces") {
    for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
      const Ended ended = simulate({.seed = seed});
      CAPTURE(seed);
      REQUIRE(std::abs(ended.weights - 5) < 1e-12);
      REQUIRE(ended.mass_off < 1e-4);
      REQUIRE(ended.bias < 1e-3);
    }
  }

  TEST_CASE("pushsum: plain averages on the same graph are biased") {
    double bias = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) bias += simulate({.seed = seed, .plain = true}).bias / 50;
    CHECK(bias > 0.5);  // of a mean of 6
  }

  TEST_CASE("pushsum: a rank that gives without taking it off its own is caught by the weights") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) CHECK(simulate({.rounds = 5, .seed = seed, .keeps_all = true}).weights > 6);
    const auto outcomes = run(herd_of("", {4, 4, 4}, [](std::size_t floats, double weight) { return std::make_unique<KeepsAll>(floats, weight); }));
    CHECK(outcomes[0].telemetry.violations >= 1);
  }

  TEST_CASE("pushsum ends with the same bits on all ranks; the sum of the weights is their number, whoever leaves when") {
    for (const auto& [topology, rounds] : std::initializer_list<std::pair<std::string, std::vector<int>>>{
             {"", {4}}, {"", {9, 9}}, {"", {3, 9, 6, 5}}, {"", {5, 5, 5, 5, 5}}, {"ring", {30, 30, 30, 1}}, {"star", {2, 8, 5, 8}}, {"exponential", {9, 2, 9}}}) {
      const auto outcomes = run(herd_of(topology, rounds, honest));
      for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
        const Outcome& out = outcomes[rank];
        CHECK(out.error == "");
        CHECK(out.end == outcomes[0].end);
        CHECK(out.telemetry.violations == 0);
        CHECK(out.pads == static_cast<std::size_t>(rounds[rank]));
        CHECK(out.states == std::vector<float>(7, static_cast<float>(rank)));
        CHECK(out.telemetry.remark.find("weights sum to " + std::to_string(rounds.size())) != std::string::npos);
      }
    }
    // One rank: nothing happens to its values.
    CHECK(run(herd_of("", {4}, honest))[0].end == std::vector<float>(packed_size(small_layout()), 0.f));
  }

  TEST_CASE("pushsum adds nothing that is older than --staleness says, and waits for it; without a bound it does") {
    const auto most = [](std::uint64_t staleness) {
      Herd herd = herd_of("", {30, 30, 30, 30}, honest);
      herd.mpi.staleness = staleness;
      herd.train = [](int rank, int, std::vector<float>&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(rank == 1 ? 5 : 1));  // the others are still there when it gives
      };
      std::uint64_t late = 0;
      for (const Outcome& out : run(herd)) late = std::max(late, out.telemetry.staleness_clocks.max());
      return late;
    };
    CHECK(most(0) == 0);
    CHECK(most(2) <= 2);
    CHECK(most(1000) > 2);
  }

  TEST_CASE("pushsum on one-peer without training comes to the mean of all") {
    // The numbers are given in round 0, whose begin all reach with weight 1 and equal values: the mean is of them.
    const auto outcomes = run(herd_of("", {1, 1, 1, 1}, honest));
    CHECK(outcomes[0].end[0] == doctest::Approx(14. / 4).epsilon(1e-5));
  }

  TEST_CASE("pushsum: a rank that gives and is given nothing loses no values, however small its weight gets, and gives them whole") {
    const int targets[] = {1};
    std::vector<float> z{3, -2e-20f, 1e30f};
    const std::vector<float> values = z;
    Outgoing out;
    PushSum giver(3), all(3, 0);
    for (std::uint64_t round = 0; round < 2000; ++round) {
      giver.give(z, targets, round, out);
      giver.merge(z);
      PushSum other(3, giver.weight());  // as light, and with zeros
      std::vector<float> mean(3);
      other.take(out.frames.back());
      other.merge(mean);
      const bool gave = std::bit_cast<double>(out.frames.back().header.more) > 0;
      for (std::size_t i = 0; i < 3; ++i) REQUIRE(mean[i] == (gave ? values[i] / 2 : 0));
    }
    CHECK(z == values);
    CHECK(giver.weight() > 0);
    CHECK(giver.weight() < 1e-290);
    std::vector<float> given(3);
    for (const Frame& frame : out.frames) all.take(frame);
    all.merge(given);
    CHECK(given == values);
    CHECK(all.weight() + giver.weight() == 1);
  }

  TEST_CASE("pushsum: ranks that are far ahead of a slow one, and hold next to no weight, keep their values") {
    constexpr int kRounds = 600;
    Herd herd = herd_of("", {kRounds, 3, kRounds}, honest);
    herd.mpi.staleness = 1000;
    std::atomic<int> begun[3] = {};
    herd.train = [&](int rank, int round, std::vector<float>&) {
      begun[rank] = round + 1;
      const auto wait = [&](int other, int rounds) {
        while (begun[other] < rounds) std::this_thread::yield();
      };
      if (rank != 1) return wait(2 - rank, round + 1);
      wait(0, kRounds), wait(2, kRounds);
    };
    const std::vector<float> start = start_weights(herd.layout);
    const std::vector<double> expected(start.begin(), start.end());
    for (const Outcome& out : run(herd)) {
      CHECK(out.error == "");
      CHECK(out.telemetry.violations == 0);
      CHECK(largest_difference(out.after.back(), expected) < 1e-5);
      CHECK(largest_difference(out.end, expected) < 1e-5);
    }
  }

  TEST_CASE("pushsum: a rank that has left is given nothing any more: the mean is of what the others learn after that") {
    for (const char* const topology : {"", "ring", "exponential"}) {
      Herd herd = herd_of(topology, {1, 200, 200}, honest);
      herd.train = [](int, int round, std::vector<float>& weights) {
        if (round == 1) std::this_thread::sleep_for(std::chrono::milliseconds(300));  // goodbye is heard meanwhile
        std::ranges::fill(weights, static_cast<float>(round));
      };
      for (const Outcome& out : run(herd)) {
        CHECK(out.error == "");
        CHECK(out.telemetry.violations == 0);
        CHECK(out.end[0] == doctest::Approx(199. * 2 / 3).epsilon(0.2));
      }
    }
  }

  TEST_CASE("pushsum: a rank without examples is given nothing, and does not count in the mean") {
    for (const char* const topology : {"", "ring", "exponential", "star"}) {
      Herd herd = herd_of(topology, {200, 200, 0}, honest);
      herd.examples = {10, 10, 0};
      herd.train = [](int, int, std::vector<float>& weights) { std::ranges::fill(weights, 5.f); };
      for (const Outcome& out : run(herd)) {
        CHECK(out.error == "");
        CHECK(out.telemetry.violations == 0);
        CHECK(out.end == std::vector<float>(packed_size(herd.layout), 5.f));
        CHECK(out.telemetry.remark.find("weights sum to 2,") != std::string::npos);
      }
    }
    Herd none = herd_of("", {0, 0}, honest);
    none.examples = {0, 0};
    for (const Outcome& out : run(none)) {
      CHECK(out.error == "");
      CHECK(out.end == start_weights(none.layout));
    }
  }
}
