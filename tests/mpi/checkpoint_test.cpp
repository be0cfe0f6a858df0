// Runs on several ranks that go on from a checkpoint.
#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <vector>

#include "data/files.hpp"
#include "ranks_of.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

RankRun spam(RankMode mode, int ranks, int epochs) {
  RankRun run{.ranks = ranks};
  run.options = options_for(Mode::serial, epochs);
  run.between.mode = mode;
  return run;
}

/// `run` to half of its epochs, and on from there, the second time on `ranks`.
mpi::Result in_two(RankRun run, int ranks) {
  const TempFile file("", ".checkpoint");
  const int epochs = std::exchange(run.options.epochs, run.options.epochs / 2);
  run.options.checkpoint = file.path();
  CHECK(train(run).run.checkpoint_epochs == epochs / 2);
  const Checkpoint checkpoint = load_checkpoint(file.path());
  CHECK(checkpoint.epochs == epochs / 2);
  run.options.epochs = epochs;
  run.ranks = ranks;
  run.resume = &checkpoint;
  return train(run);
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("a run in two halves is the run that never stopped, in every mode that has checkpoints, with any rule of bsp") {
    const auto same = [](const RankRun& run, const mpi::Result& resumed) {
      const mpi::Result straight = train(run);
      CHECK(resumed.run.digest == straight.run.digest);
      REQUIRE(resumed.run.curve.size() == straight.run.curve.size());
      for (std::size_t i = 0; i < resumed.run.curve.size(); ++i) {
        const Point &one = resumed.run.curve[i], &other = straight.run.curve[i];
        CHECK(one.epoch == other.epoch);
        CHECK(one.examples == other.examples);
        CHECK(one.train_loss == other.train_loss);
        if (i > 0) CHECK(one.seconds > resumed.run.curve[i - 1].seconds);
        if (i > 0) CHECK(one.bytes_sent > resumed.run.curve[i - 1].bytes_sent);
      }
    };
    for (const RuleName rule : {RuleName::sgd, RuleName::adagrad, RuleName::momentum, RuleName::adam, RuleName::ftrl}) {
      CAPTURE(std::string(name_of(kRules, rule)));
      RankRun run = spam(RankMode::bsp, 2, 4);
      run.options.rule = rule;
      if (rule == RuleName::ftrl) run.model.l1 = 1e-4;
      same(run, in_two(run, 2));
    }
    RankRun local = spam(RankMode::local, 3, 4);
    local.between.participation = 0.5;  // whose draws go on
    same(local, in_two(local, 3));
    // Comparing can fail: other draws give another run.
    RankRun other = local;
    other.options.seed = 2;
    CHECK(train(other).run.digest != in_two(local, 3).run.digest);
  }

  TEST_CASE("local goes on with the step that it began with, also on other ranks, whose default is another") {
    const RankRun run = spam(RankMode::local, 3, 4);
    RankRun two = run;
    two.ranks = 2;
    const mpi::Result straight = train(run), resumed = in_two(run, 2);
    CHECK(resumed.run.curve.back().step == straight.run.curve.back().step);
    CHECK(train(two).run.curve.back().step != straight.run.curve.back().step);
    CHECK(resumed.run.curve.back().train_loss < 1.01 * resumed.run.curve[2].train_loss);
  }

  TEST_CASE("a deterministic run goes on with any number of ranks and threads to the same bits") {
    RankRun run = spam(RankMode::bsp, 2, 4);
    run.between.deterministic = true;
    const std::string straight = train(run).run.digest;
    for (const int ranks : {1, 2, 3, 5}) CHECK(in_two(run, ranks).run.digest == straight);
    RankRun ring = spam(RankMode::bsp, 2, 4);  // the control: sums in another order are other bits
    CHECK(in_two(ring, 5).run.digest != train(ring).run.digest);
  }

  TEST_CASE("checkpoints change no bit of a run, and an interrupted one leaves the state before the epoch") {
    const TempFile file("", ".checkpoint");
    RankRun run = spam(RankMode::bsp, 2, 3);
    const std::string straight = train(run).run.digest;
    run.options.checkpoint = file.path();
    CHECK(train(run).run.digest == straight);
    run.options.epochs = 1'000'000;
    run.options.every = 2;
    std::atomic<bool> stop{false};
    run.differ = [&](int rank, Options& options, mpi::Options&) {
      if (rank == 1) options.stop = &stop;
    };
    run.on_progress = [&](const mpi::RankProgress& progress) {
      if (progress.examples > 5 * progress.all_examples / 1'000'000 / 2) stop = true;
    };
    const mpi::Result cut = train(run);
    CHECK(cut.run.stopped == Stopped::interrupted);
    const Checkpoint checkpoint = load_checkpoint(file.path());
    CHECK(checkpoint.epochs >= 2);
    CHECK(checkpoint.epochs == cut.run.checkpoint_epochs);
    CHECK(checkpoint.curve.back().epoch == checkpoint.epochs);
    RankRun rest = spam(RankMode::bsp, 2, checkpoint.epochs + 1);
    const std::string whole = train(rest).run.digest;
    rest.resume = &checkpoint;
    CHECK(train(rest).run.digest == whole);
  }

  TEST_CASE("a run that diverges leaves its last good state") {
    const TempFile file("", ".checkpoint");
    RankRun run = spam(RankMode::bsp, 2, 3);
    run.model = {.model = ModelName::squared};
    run.data = "synthetic:dense,examples=2000";
    run.load = {};
    run.options.step = 1e6;
    run.options.checkpoint = file.path();
    CHECK(train(run).run.stopped == Stopped::diverged);
    CHECK(load_checkpoint(file.path()).epochs == 0);
  }

  TEST_CASE("a checkpoint that cannot be written ends no training") {
    RankRun run = spam(RankMode::bsp, 2, 3);
    run.options.checkpoint = "/nowhere/there";
    const mpi::Result result = train(run);
    CHECK(result.run.stopped == Stopped::epochs);
    CHECK(result.run.checkpoint_epochs == -1);
    CHECK(result.run.checkpoint_error.find("/nowhere/there") != std::string::npos);
  }

  TEST_CASE("where a checkpoint cannot be, or is of something else, one sentence says so") {
    if (kThreadSanitizer) return skip("what is tested is sentences");
    const TempFile file("", ".checkpoint");
    const auto complaint = [](const RankRun& run) {
      try {
        train(run);
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    const auto says = [&](RankRun run, const std::string& part) {
      run.options.checkpoint = file.path();
      CHECK(complaint(run).find(part) != std::string::npos);
    };
    for (const RankMode mode : {RankMode::ssp, RankMode::async, RankMode::gossip})
      says(spam(mode, 2, 1), "--checkpoint does not go with --mode " + std::string(name_of(kRankModes, mode)));
    RankRun run = spam(RankMode::bsp, 2, 1);
    run.between.architecture = Architecture::server;
    says(run, "--checkpoint does not go with --architecture server");
    run = spam(RankMode::local, 2, 1);
    run.options.rule = RuleName::adagrad;
    says(run, "--rule adagrad in --mode local");
    run = spam(RankMode::local, 2, 1);
    run.between.outer_momentum = 0.5;
    says(run, "--outer-momentum");
    run = spam(RankMode::local, 2, 1);
    run.between.local_rounds = 5;
    says(run, "give one that divides the 33 rounds of an epoch");

    run = spam(RankMode::bsp, 2, 1);
    run.options.checkpoint = file.path();
    train(run);
    const Checkpoint checkpoint = load_checkpoint(file.path());
    const auto refuses = [&](const std::string& part, const std::function<void(RankRun&)>& change) {
      RankRun other = spam(RankMode::bsp, 2, 2);
      other.resume = &checkpoint;
      change(other);
      CAPTURE(part);
      CHECK(complaint(other).find(part) != std::string::npos);
    };
    refuses("--mode bsp", [](RankRun& o) { o.between.mode = RankMode::local; });
    refuses("--batch 25", [](RankRun& o) { o.options.batch = 64; });
    refuses("--seed 1", [](RankRun& o) { o.options.seed = 2; });
    refuses("--step", [](RankRun& o) { o.options.step = 0.125; });
    refuses("--data", [](RankRun& o) { o.data = "builtin:spam,part=test"; });
    CHECK(complaint([&] {
            RankRun good = spam(RankMode::bsp, 2, 2);
            good.resume = &checkpoint;
            return good;
          }()) == "");
  }
}
