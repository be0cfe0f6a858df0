// Whole runs on several ranks: every mode, counted, stopped, refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <vector>

#include <sounder/train/evaluate.hpp>

#include "data/files.hpp"
#include "modes/mode.hpp"
#include "ranks_of.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr int kEpochs = kThreadSanitizer ? 2 : 20;
constexpr double kTolerance = kThreadSanitizer ? 1 : 0.05;  // under ThreadSanitizer the training itself is the test

RankRun spam(RankMode mode, int ranks) {
  RankRun run{.ranks = ranks};
  run.options = options_for(Mode::hogwild, kEpochs);
  run.between.mode = mode;
  return run;
}

/// f(mode, run) for every mode.
template <class F>
void in_every_mode(int ranks, int epochs, F f) {
  for (const auto& mode : kRankModes) {
    CAPTURE(std::string(mode.name));
    RankRun run = spam(mode.value, ranks);
    run.options.epochs = epochs;
    f(mode.value, run);
  }
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("every mode between ranks ends within 5 % of one process") {
    const double serial = serial_loss(spam(RankMode::bsp, 1));
    for (const auto& mode : kRankModes)
      for (const int ranks : {1, 2, 4}) {
        CAPTURE(std::string(mode.name));
        CAPTURE(ranks);
        const mpi::Result result = train(spam(mode.value, ranks));
        CHECK(result.run.curve.back().train_loss < (1 + kTolerance) * serial);
        CHECK(result.run.curve.back().epoch == kEpochs);
        CHECK(result.run.stopped == Stopped::epochs);
      }
  }

  TEST_CASE("5 % is less than what hardly any progress costs") {
    if (kThreadSanitizer) return skip("slow, and proves nothing about threads");
    RankRun run = spam(RankMode::bsp, 2);
    const double serial = serial_loss(run);
    run.options.step = 0.01;
    CHECK(train(run).run.curve.back().train_loss > 1.05 * serial);
  }

  TEST_CASE("all ranks end with the same parameters and the same curve") {
    in_every_mode(3, 2, [](RankMode, RankRun& run) {
      std::set<std::string> digests;
      std::set<double> losses;
      train(run, [&](int, const mpi::Result& result) {
        digests.insert(result.run.digest);
        losses.insert(result.run.curve.back().train_loss);
        CHECK(result.run.digest.size() == 16);
      });
      CHECK(digests.size() == 1);
      CHECK(losses.size() == 1);
    });
  }

  TEST_CASE("the last point is the loss of the parameters that come back") {
    in_every_mode(2, 2, [](RankMode, RankRun& run) {
      const mpi::Result result = train(run);
      LoadOptions load = run.load;
      load.format = Format::classification;
      const Dataset data = Dataset::train(sounder::load(run.data, load), 1);
      const Kernel kernel = builtin_kernel(run.model, data);
      SerialTeam team;
      const double loss = evaluate(kernel, result.run.parameters, data, team).loss + kernel.penalty(result.run.parameters);
      CHECK(loss == doctest::Approx(result.run.curve.back().train_loss).epsilon(1e-6));
    });
  }

  TEST_CASE("an epoch visits each example once in lockstep; elsewhere it is as many examples, whoever processed them") {
    in_every_mode(3, 3, [](RankMode mode, RankRun& run) {
      const mpi::Result result = train(run);
      std::uint64_t processed = 0;
      for (const mpi::RankReport& rank : result.ranks) processed += rank.examples;
      const std::uint64_t epoch = result.run.curve.back().examples / 3;
      if (mpi::entry_of(mode).pace == mpi::Pace::lockstep) {
        CHECK(processed == 3 * epoch);
        for (const Point& point : result.run.curve) CHECK(point.examples == static_cast<std::uint64_t>(point.epoch) * epoch);
      } else {
        CHECK(processed >= 3 * epoch);  // rounds under way at the end are done, but no point holds them
        for (std::size_t i = 1; i < result.run.curve.size(); ++i) CHECK(result.run.curve[i].examples > result.run.curve[i - 1].examples);
      }
      REQUIRE(result.run.curve.size() == 4);
    });
  }

  TEST_CASE("with --balance fixed every rank visits its own examples once an epoch, in any mode") {
    for (const RankMode mode : {RankMode::ssp, RankMode::async, RankMode::gossip}) {
      CAPTURE(std::string(name_of(kRankModes, mode)));
      RankRun run = spam(mode, 3);
      run.options.epochs = 3;
      run.between.balance = BalanceName::fixed;
      std::uint64_t processed = 0;
      const mpi::Result result = train(run);
      for (const mpi::RankReport& rank : result.ranks) processed += rank.examples;
      CHECK(processed == result.run.curve.back().examples);
      CHECK(result.run.curve.back().epoch == 3);
    }
  }

  TEST_CASE("a rank that has no examples does not hold the others back, in any mode") {
    const TempFile file("1 1:1\n-1 2:1\n");
    RankRun run = spam(RankMode::bsp, 1);
    run.data = file.path();
    run.load = {};
    run.options.epochs = 100;
    run.options.batch = 1;
    const double alone = train(run).run.curve.back().train_loss;
    for (const auto& mode : kRankModes) {
      CAPTURE(std::string(mode.name));
      run.ranks = 3;
      run.between.mode = mode.value;
      run.between.partition = PartitionName::range;
      const mpi::Result result = train(run);
      CHECK(result.run.stopped == Stopped::epochs);
      // Alone 0.08; it began at 0.69. Where ranks do not wait, one of them may do most of the steps, and the other's example stays where it was.
      CHECK(result.run.curve.back().train_loss < (mpi::entry_of(mode.value).pace == mpi::Pace::lockstep ? 1.5 * alone : 0.5));
      CHECK(std::ranges::count(result.ranks, 0u, &mpi::RankReport::examples) >= 1);
    }
  }

  TEST_CASE("ranks that only serve hold the parameters, and train nothing") {
    for (const RankMode mode : {RankMode::ssp, RankMode::async}) {
      RankRun run = spam(mode, 4);
      run.between.dedicated_servers = 2;
      const double serial = serial_loss(run);
      const mpi::Result result = train(run);
      CHECK(result.run.curve.back().train_loss < (1 + kTolerance) * serial);
      REQUIRE(result.ranks.size() == 4);
      CHECK(result.ranks[1].examples > 0);
      CHECK(result.ranks[2].examples == 0);
      if (!kThreadSanitizer) CHECK(result.ranks[3].bytes_sent > 0);  // all of its small set lies with rank 2
    }
  }

  TEST_CASE("ranks that are given different flags or data are refused by name, on all ranks") {
    RankRun run = spam(RankMode::bsp, 2);
    run.differ = [](int rank, Options& options, mpi::Options&) { options.epochs += rank; };
    CHECK_THROWS_WITH_AS(train(run), doctest::Contains("--epochs"), Error);
    run.differ = [](int rank, Options&, mpi::Options& between) { between.staleness = static_cast<std::uint64_t>(rank); };
    CHECK_THROWS_WITH_AS(train(run), doctest::Contains("--staleness"), Error);
  }

  TEST_CASE("a run that diverges says so on all ranks and gives back the last good parameters") {
    in_every_mode(2, 3, [](RankMode, RankRun& run) {
      run.model = {.model = ModelName::squared};
      run.data = "synthetic:dense,examples=2000";
      run.load = {};
      run.options.step = 1e6;
      train(run, [&](int, const mpi::Result& result) {
        CHECK(result.run.stopped == Stopped::diverged);
        CHECK(result.run.advice.find("--step") != std::string::npos);
        for (const float w : weights_of(result.run.parameters)) CHECK(std::isfinite(w));
      });
    });
  }

  TEST_CASE("a stop from outside ends all ranks behind the same point") {
    in_every_mode(2, 1'000'000, [](RankMode, RankRun& run) {
      std::atomic<bool> stop{false};
      run.differ = [&](int rank, Options& options, mpi::Options&) {
        if (rank == 1) options.stop = &stop;  // one rank's signal is enough
      };
      stop = true;
      std::set<std::string> digests;
      train(run, [&](int, const mpi::Result& result) {
        CHECK(result.run.stopped == Stopped::interrupted);
        digests.insert(result.run.digest);
      });
      CHECK(digests.size() == 1);
    });
  }
}
