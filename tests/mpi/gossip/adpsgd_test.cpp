// Mode adpsgd: averages of two over a simulated network, and the mode over ranks that are threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <vector>

#include "gossip/stub.hpp"
#include "modes/adpsgd.hpp"
#include "protocol/pair_average.hpp"
#include "protocol/topology.hpp"
#include "skip.hpp"
#include "transport/sim.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::mpi::test;

namespace {

/// The negative controls: who was asked keeps what it had; who is busy lets others wait.
class KeepsItsOwn final : public PairAverage {
 public:
  using PairAverage::PairAverage;

 protected:
  void take_over(std::span<const float>) override {}
};

class LetsWait final : public PairAverage {
 public:
  using PairAverage::PairAverage;
  void answer_all(Outbox& out) {
    for (; !asks() && !questions_.empty(); questions_.pop_front()) answer(questions_.front(), out);
  }

 protected:
  void busy(const Frame& question, Outbox&) override { questions_.push_back(question); }

 private:
  std::deque<Frame> questions_;
};

enum class Fault { none, keeps_its_own, lets_wait, answers_between_rounds };

struct Case {
  int ranks = 4, rounds = 40;
  std::uint64_t seed = 0;
  std::string topology = "ring";
  int slow_rank = -1;
  double until = std::numeric_limits<double>::infinity();  ///< no round begins later
  Fault fault = Fault::none;
};

class Rank final : public SimActor {
 public:
  Rank(Sim& sim, const Case& c, const Topology& topology, int rank) : sim_(sim), case_(c), rank_(rank) {
    for (const int source : topology.sources(rank, 0)) neighbours_.push_back(source);
    std::vector<float> start(3, static_cast<float>(rank));
    if (c.fault == Fault::keeps_its_own)
      pair = std::make_unique<KeepsItsOwn>(start);
    else if (c.fault == Fault::lets_wait)
      pair = std::make_unique<LetsWait>(start);
    else
      pair = std::make_unique<PairAverage>(start);
    moved.assign(3, rank);
  }

  void begin() {
    if (rounds == case_.rounds || sim_.now() >= case_.until) return;
    computes_ = true;
    sim_.timer(rank_, (1 + sim_.random().uniform()) * (rank_ == case_.slow_rank ? 10 : 1), 0);
  }
  void on_timer(std::uint64_t, Outbox& out) override {
    computes_ = false;
    std::vector<float> movement(3);
    for (std::size_t i = 0; i < movement.size(); ++i) {
      movement[i] = static_cast<float>(sim_.random().uniform()) - 0.5f;
      moved[i] += static_cast<double>(movement[i]);
    }
    pair->move(movement);
    ++rounds;
    pair->ask(neighbours_[sim_.random().below(neighbours_.size())], out);
    for (; !kept_.empty(); kept_.pop_front()) take(kept_.front(), out);
  }
  void on_frame(Frame frame, Outbox& out) override {
    if (case_.fault == Fault::answers_between_rounds && computes_)
      kept_.push_back(std::move(frame));
    else
      take(frame, out);
  }

  std::unique_ptr<PairAverage> pair;
  std::vector<double> moved;  ///< all of it, from the start
  int rounds = 0;

 private:
  void take(const Frame& frame, Outbox& out) {
    const bool asked = pair->asks();
    pair->receive(frame, out);
    if (auto* const lets_wait = dynamic_cast<LetsWait*>(pair.get())) lets_wait->answer_all(out);
    if (asked && !pair->asks()) begin();
  }

  Sim& sim_;
  const Case& case_;
  const int rank_;
  std::vector<int> neighbours_;
  std::deque<Frame> kept_;
  bool computes_ = false;
};

struct Ended {
  std::vector<int> rounds;
  double drift = 0;           ///< of the sum over the ranks, from that of the movements
  std::uint64_t averages = 0, refused = 0;
  bool asks = false;          ///< somebody waits for ever
};

Ended simulate(const Case& c) {
  Sim sim({.ranks = c.ranks, .seed = c.seed, .shortest = 0.02, .longest = 0.5});
  const Topology topology = Topology::make(c.topology, c.ranks);
  std::vector<std::unique_ptr<Rank>> ranks;
  for (int rank = 0; rank < c.ranks; ++rank) {
    ranks.push_back(std::make_unique<Rank>(sim, c, topology, rank));
    sim.attach(rank, *ranks.back());
  }
  for (auto& rank : ranks) rank->begin();
  sim.run();
  Ended ended;
  for (std::size_t i = 0; i < 3; ++i) {
    double off = 0;
    for (const auto& rank : ranks) off += static_cast<double>(rank->pair->values()[i]) - rank->moved[i];
    ended.drift = std::max(ended.drift, std::abs(off));
  }
  for (const auto& rank : ranks) {
    ended.rounds.push_back(rank->rounds);
    ended.asks |= rank->pair->asks();
    ended.averages += rank->pair->averages();
    ended.refused += rank->pair->refused();
  }
  return ended;
}

constexpr std::uint64_t kDraws = sounder::test::kThreadSanitizer ? 100 : 1500;

Herd herd_of(const std::string& topology, std::vector<int> rounds, const PairAverageFactory& make_pair) {
  Herd herd;
  herd.ranks = static_cast<int>(rounds.size());
  herd.mpi.topology = topology;
  herd.rounds = std::move(rounds);
  herd.make = [make_pair](const Setting& setting) { return make_adpsgd(setting, make_pair); };
  // Moves by what does not depend on where a rank is: so the mean in the end does not depend on who met whom.
  herd.train = [](int rank, int round, std::vector<float>& weights) {
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += noise(rank, round, i);
  };
  return herd;
}

double error_of(const Herd& herd, const std::vector<Outcome>& outcomes) {
  const auto start = start_weights(herd.layout);
  std::vector<double> mean(start.begin(), start.end());
  for (int rank = 0; rank < herd.ranks; ++rank)
    for (int round = 0; round < herd.rounds[static_cast<std::size_t>(rank)]; ++round)
      for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += static_cast<double>(noise(rank, round, i)) / herd.ranks;
  double most = 0;
  for (const Outcome& out : outcomes) {
    CHECK(out.error == "");
    CHECK(out.end == outcomes[0].end);
    most = std::max(most, largest_difference(out.end, mean));
  }
  return most;
}

/// Where no other rank asks: what it had.
class TellsInTheEnd final : public PairAverage {
 public:
  TellsInTheEnd(std::vector<float> values, std::vector<float>& to) : PairAverage(std::move(values)), to_(to) {}
  ~TellsInTheEnd() override { to_ = values(); }

 private:
  std::vector<float>& to_;
};

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("adpsgd: averages of two keep the sum, and nobody waits for ever, in any schedule on any graph") {
    std::uint64_t averages = 0, refused = 0;
    for (std::uint64_t seed = 0; seed < kDraws; ++seed)
      for (const auto& [topology, ranks] : std::initializer_list<std::pair<const char*, int>>{{"ring", 2}, {"ring", 5}, {"complete", 4}, {"star", 4}}) {
        const Ended ended = simulate({.ranks = ranks, .rounds = 10, .seed = seed, .topology = topology});
        CAPTURE(seed);
        CAPTURE(topology);
        REQUIRE(!ended.asks);
        REQUIRE(ended.rounds == std::vector(static_cast<std::size_t>(ranks), 10));
        REQUIRE(ended.drift < 1e-4);
        averages += ended.averages;
        refused += ended.refused;
      }
    CHECK(refused > 0);  // the schedules are wild enough,
    CHECK(averages > 5 * refused);  // and still most questions lead to an average
  }

  TEST_CASE("adpsgd: an exchange that is not symmetric drifts from the mean, and is caught") {
    for (std::uint64_t seed = 0; seed < 50; ++seed)
      CHECK(simulate({.seed = seed, .fault = Fault::keeps_its_own}).drift > 0.01);
  }

  TEST_CASE("adpsgd: ranks that let others wait while they wait themselves lock up, and are caught") {
    int locked = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed)
      locked += simulate({.ranks = 5, .rounds = 200, .seed = seed, .topology = "complete", .fault = Fault::lets_wait}).asks;
    CHECK(locked > 50);
  }

  TEST_CASE("adpsgd: a rank that is ten times as slow slows nobody down, but where it answers between its rounds alone") {
    const auto others = [](Case c) {
      double rounds = 0;
      c.until = 300;
      c.rounds = 1'000'000;
      for (c.seed = 0; c.seed < 20; ++c.seed) {
        const Ended ended = simulate(c);
        for (std::size_t rank = 0; rank < 3; ++rank) rounds += ended.rounds[rank];
        if (c.slow_rank == 3 && c.fault == Fault::none) CHECK(ended.rounds[3] < ended.rounds[0] / 3);
      }
      return rounds;
    };
    const double alike = others({});
    CHECK(others({.slow_rank = 3}) > 0.95 * alike);
    CHECK(others({.slow_rank = 3, .fault = Fault::answers_between_rounds}) < 0.7 * alike);
  }

  TEST_CASE("adpsgd ends with the exact mean of what all ranks made, however many rounds each ran") {
    const auto honest = [](std::vector<float> values) { return std::make_unique<PairAverage>(std::move(values)); };
    for (const auto& [topology, rounds] : std::initializer_list<std::pair<std::string, std::vector<int>>>{
             {"ring", {6}}, {"ring", {9, 9}}, {"ring", {3, 9, 6, 5}}, {"complete", {12, 1, 1}}, {"one-peer", {5, 5, 5, 5, 5}}, {"star", {0, 7, 7, 7}}}) {
      const Herd herd = herd_of(topology, rounds, honest);
      const auto outcomes = run(herd);
      CHECK_MESSAGE(error_of(herd, outcomes) < 1e-4, topology);
      for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
        CHECK(outcomes[rank].states == std::vector<float>(7, static_cast<float>(rank)));
        CHECK(outcomes[rank].pads == static_cast<std::size_t>(rounds[rank]));
        CHECK(outcomes[rank].telemetry.staleness_updates.count() == static_cast<std::uint64_t>(rounds[rank]));
      }
    }
    std::vector<float> copied;
    const Herd alone = herd_of("ring", {200}, [&copied](std::vector<float> values) { return std::make_unique<TellsInTheEnd>(std::move(values), copied); });
    std::vector<float> weights = start_weights(alone.layout);
    for (int round = 0; round < 200; ++round) alone.train(0, round, weights);
    CHECK(run(alone)[0].end == weights);
    CHECK(copied == start_weights(alone.layout));  // no round of a rank alone brings its values where others could ask for them
    const Herd herd = herd_of("ring", {30, 30, 30, 30}, [](std::vector<float> values) { return std::make_unique<KeepsItsOwn>(std::move(values)); });
    CHECK(error_of(herd, run(herd)) > 0.01);
  }
}
