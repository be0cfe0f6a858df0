// The staleness that ranks of mode ssp choose at run time: within its bounds, and what it saves.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <sounder/data/random.hpp>

#include "ranks_of.hpp"
#include "protocol/staleness_choice.hpp"
#include "protocol/policy.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

/// The negative control: no upper bound.
class Boundless final : public StalenessChoice {
 public:
  using StalenessChoice::StalenessChoice;

 protected:
  std::uint64_t most_to_go(std::uint64_t) const override { return 4; }
};

struct Case {
  std::uint64_t least = 1, most = 6;
  std::function<double(int worker, std::uint64_t clock)> takes;  ///< seconds of a clock
  bool boundless = false;
  int workers = 4;
  std::uint64_t clocks = 200;
};

struct Ended {
  std::uint64_t least = ~std::uint64_t{0}, most = 0;  ///< staleness in force
  std::uint64_t ahead = 0;                            ///< the most clocks that a read was ahead of the slowest
  double waited = 0;                                  ///< all workers, until the first ends
};

/// Workers that read, compute and complete clocks under the rule of ssp; an answer takes no time.
Ended simulate(const Case& c) {
  struct Worker {
    std::uint64_t clock = 0, staleness = 0;
    double at = 0;           ///< when it asked, or will have computed
    bool waits = false;
    std::unique_ptr<StalenessChoice> choice;
  };
  std::vector<Worker> workers(static_cast<std::size_t>(c.workers));
  for (Worker& worker : workers) {
    if (c.boundless)
      worker.choice = std::make_unique<Boundless>(c.least, c.most);
    else
      worker.choice = std::make_unique<StalenessChoice>(c.least, c.most);
  }
  Ended ended;
  double now = 0;
  const auto ask = [&](Worker& worker) {
    worker.staleness = worker.choice->choose(worker.clock, now);
    ended.least = std::min(ended.least, worker.staleness);
    ended.most = std::max(ended.most, worker.staleness);
    worker.at = now;
    worker.waits = true;
  };
  for (Worker& worker : workers) ask(worker);
  for (;;) {
    const std::uint64_t slowest = std::ranges::min_element(workers, {}, &Worker::clock)->clock;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      Worker& worker = workers[i];
      if (!worker.waits || slowest < clocks_due(worker.clock, worker.staleness)) continue;
      ended.ahead = std::max(ended.ahead, worker.clock - slowest);
      ended.waited += now - worker.at;
      worker.waits = false;
      worker.choice->read(slowest, now);
      worker.at = now + c.takes(static_cast<int>(i), worker.clock);
    }
    Worker* next = nullptr;
    for (Worker& worker : workers)
      if (!worker.waits && (!next || worker.at < next->at)) next = &worker;
    now = next->at;
    if (++next->clock == c.clocks) return ended;
    ask(*next);
  }
}

std::function<double(int, std::uint64_t)> drawn(std::uint64_t seed) {
  return [seed](int worker, std::uint64_t clock) {
    Random random(seed, static_cast<std::uint64_t>(worker) << 32 | clock);
    return (0.8 + 0.4 * random.uniform()) * (random.uniform() < 0.1 ? 8 : 1) * (1 + (worker == 2 && clock / 50 % 2 ? 1 : 0));
  };
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("a staleness that is chosen at run time stays within its bounds, whatever rounds take; without the upper one it does not") {
    std::uint64_t most = 0, boundless = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      const Ended ended = simulate({.takes = drawn(seed)});
      REQUIRE(ended.least == 1);
      REQUIRE(ended.most <= 6);
      REQUIRE(ended.ahead <= 6);
      most = std::max(most, ended.ahead);
      boundless = std::max(boundless, simulate({.takes = drawn(seed), .boundless = true}).ahead);
    }
    CHECK(most == 6);  // the bound is reached: it is what holds
    CHECK(boundless > 6);
  }

  TEST_CASE("with equal bounds the chosen staleness is that one: plain ssp") {
    for (const std::uint64_t s : {0, 1, 4}) {
      const Ended ended = simulate({.least = s, .most = s, .takes = drawn(3)});
      CHECK(ended.least == s);
      CHECK(ended.most == s);
    }
  }

  TEST_CASE("ranks wait less where they may choose than under the lower bound") {
    double chosen = 0, lower = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      chosen += simulate({.takes = drawn(seed)}).waited;
      lower += simulate({.most = 1, .takes = drawn(seed)}).waited;
    }
    CHECK(chosen < 0.9 * lower);
  }

  TEST_CASE("a whole run of ssp with a chosen staleness breaks no promise of the upper bound") {
    sounder::test::RankRun run{.ranks = 3};
    run.options = sounder::test::options_for(Mode::hogwild, 3);
    run.between.mode = RankMode::ssp;
    run.between.least_staleness = 1;
    run.between.staleness = 3;
    run.between.audit = true;
    run.between.pad_seconds = 0.001;
    run.between.straggler = "random:p=0.2,8x";
    const mpi::Result result = sounder::test::train(run);
    CHECK(result.audit_violations == 0);
    CHECK(result.staleness_clocks.max() <= 3);
    CHECK(result.remark.find("staleness 1 to 3 by the pace: ") == 0);
  }
}
