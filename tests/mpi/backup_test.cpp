// Mode backup in whole runs: bsp without backups, what is dropped, who is taken out.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <sounder/error.hpp>

#include "mpi/distance.hpp"
#include "ranks_of.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

RankRun spam(int ranks, RankMode mode) {
  RankRun run{.ranks = ranks};
  run.options = options_for(Mode::hogwild, 2);
  run.between.mode = mode;
  return run;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("backup without backups is bsp, to rounding; with one it is not") {
    for (const RuleName rule : {RuleName::sgd, RuleName::adagrad})
      for (const int ranks : {1, 3}) {
        RankRun run = spam(ranks, RankMode::bsp);
        run.options.rule = rule;
        const std::vector<float> bsp = weights_of(train(run).run.parameters);
        run.between.mode = RankMode::backup;
        run.between.backup = 0;
        run.between.balance = BalanceName::fixed;
        const mpi::Result result = train(run);
        CAPTURE(ranks);
        CHECK(distance_of(bsp, weights_of(result.run.parameters)) < 1e-3);
        CHECK(result.dropped_updates == 0);
        if (ranks == 1) continue;
        run.between.backup = 1;
        run.between.balance = BalanceName::processed;
        CHECK(distance_of(bsp, weights_of(train(run).run.parameters)) > 1e-2);
      }
  }

  TEST_CASE("backup counts what it drops, an epoch counts what was applied, and a slow rank can be taken out") {
    RankRun run = spam(4, RankMode::backup);
    run.between.backup = 1;
    run.between.audit = true;
    run.between.pad_seconds = 0.001;
    run.between.straggler = "rank:1=20x";
    const mpi::Result kept = train(run);
    REQUIRE(kept.dropped_updates.has_value());
    CHECK(*kept.dropped_updates > 0);
    CHECK(kept.audit_violations == 0);
    CHECK(kept.run.curve.size() == 3);
    CHECK(kept.ranks[1].examples < kept.ranks[0].examples / 2);
    std::uint64_t applied = 0;
    for (const mpi::RankReport& rank : kept.ranks) applied += rank.examples;
    CHECK(applied >= kept.run.curve.back().examples);
    CHECK(kept.remark.find("taken out") == std::string::npos);

    run.between.evict_after = 10;
    std::set<std::string> views, digests;
    const mpi::Result result = train(run, [&](int, const mpi::Result& of_rank) {
      const auto at = of_rank.remark.find("; taken out: rank 1 at step ");
      views.insert(at == std::string::npos ? "none" : of_rank.remark.substr(at));
      digests.insert(of_rank.run.digest);
    });
    CHECK(views.size() == 1);
    CHECK(!views.contains("none"));
    CHECK(digests.size() == 1);
    CHECK(*result.dropped_updates < *kept.dropped_updates);
  }

  TEST_CASE("a backup rank that nobody can be spared for is refused") {
    RankRun run = spam(2, RankMode::backup);
    run.between.backup = 2;
    CHECK_THROWS_WITH_AS(train(run), doctest::Contains("--backup 2 leaves no gradient"), Error);
    run.between.backup = 1;
    run.between.balance = BalanceName::fixed;
    CHECK_THROWS_WITH_AS(train(run), doctest::Contains("--balance fixed"), Error);
  }
}
