// Mode bsp: the steps of one process, in parallel.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include <sounder/mpi/world.hpp>

#include "batch.hpp"
#include "gradients/gradient_rows.hpp"
#include "gradients/sum_limit.hpp"
#include "mpi/distance.hpp"
#include "mpi/bsp_runs.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

TEST_SUITE("mpi") {
  TEST_CASE("bsp does the steps of one process, with any model and rule, and all ranks hold the same bits") {
    for (const ModelName model : {ModelName::logistic, ModelName::softmax, ModelName::mf, ModelName::mlp, ModelName::cut})
      for (const RuleName rule : {RuleName::sgd, RuleName::adagrad, RuleName::momentum, RuleName::adam, RuleName::ftrl}) {
        if (rule != RuleName::sgd && model != ModelName::logistic) continue;
        const BspCase c{.model = model, .rule = rule};
        const std::vector<float> alone = by_hand(c);
        for (const int ranks : {1, 3}) {
          const auto replicas = c.run(ranks, 2);
          for (const auto& replica : replicas) CHECK(same_bits(replica, replicas[0]));
          CAPTURE(name_of(kModels, model));
          CAPTURE(name_of(kRules, rule));
          CHECK(distance_of(alone, replicas[0]) < 2e-4);
        }
      }
  }

  TEST_CASE("a rank that leaves out its gradients is seen in the parameters of all") {
    BspCase c;
    const std::vector<float> alone = by_hand(c);
    c.silent_rank = 1;
    const auto replicas = c.run(3, 1);
    CHECK(same_bits(replicas[0], replicas[2]));
    CHECK(distance_of(alone, replicas[0]) > 1e-3);
  }

  TEST_CASE("a deterministic run has the same bits for any number of ranks, threads and sizes of chunks") {
    for (const ModelName model : {ModelName::logistic, ModelName::softmax, ModelName::mf}) {
      BspCase c{.model = model, .deterministic = true};
      c.sum_limit.reset();  // what is measured for it must not depend on the ranks either
      const std::vector<float> alone = c.run(1, 1)[0];
      CHECK(std::ranges::any_of(alone, [](float w) { return w != 0; }));
      for (const int ranks : {1, 2, 3, 4, 5, 8})
        for (const int threads : {1, 2}) {
          if (kThreadSanitizer && ranks != 3) continue;
          c.chunk_bytes = threads == 1 ? 256 : std::size_t{1} << 20;
          CAPTURE(name_of(kModels, model));
          CAPTURE(ranks);
          for (const auto& replica : c.run(ranks, threads)) CHECK(same_bits(replica, alone));
        }
    }
  }

  TEST_CASE("what a deterministic run promises, a ring does not keep, within ten steps") {
    for (const ModelName model : {ModelName::logistic, ModelName::softmax, ModelName::mf}) {
      BspCase c{.model = model, .epochs = 1, .most_rounds = 10};
      const std::vector<float> alone = c.run(1, 1)[0];
      bool differs = false;
      for (const int ranks : {2, 3, 4}) differs |= !same_bits(c.run(ranks, 1)[0], alone);
      CAPTURE(name_of(kModels, model));
      CHECK(differs);
    }
  }

  TEST_CASE("a tree that adds up subtrees in another order is caught by the bits") {
    // Mirrors the upper levels where there are several ranks, as an order by arrival would.
    class Permuted final : public TreeReducer {
     public:
      using TreeReducer::TreeReducer;

     protected:
      TreeNode place(TreeNode node) const override { return node.level == 4 ? TreeNode{4, (node.index + 1) % 4} : node; }
    };
    BspCase c{.deterministic = true, .epochs = 1, .most_rounds = 10};
    const std::vector<float> alone = c.run(1, 1)[0];
    CHECK(same_bits(c.run(4, 1)[0], alone));
    c.tree = [](Endpoint& endpoint, const RowNumbers& numbers, const TreeOptions& options) {
      return std::make_unique<Permuted>(endpoint, numbers, options);
    };
    const auto replicas = c.run(4, 1);
    CHECK(same_bits(replicas[0], replicas[3]));
    CHECK(!same_bits(replicas[0], alone));
  }

  TEST_CASE("bsp by servers does the steps of one process too, whatever the rule keeps, and servers may be apart") {
    for (const ModelName model : {ModelName::logistic, ModelName::softmax, ModelName::mf, ModelName::mlp, ModelName::cut})
      for (const RuleName rule : {RuleName::sgd, RuleName::adagrad, RuleName::momentum, RuleName::adam, RuleName::ftrl}) {
        if (rule != RuleName::sgd && model != ModelName::logistic) continue;
        BspCase c{.model = model, .rule = rule, .architecture = Architecture::server};
        const std::vector<float> alone = by_hand(c);
        for (const int servers : {0, 1}) {
          c.dedicated_servers = servers;
          const auto replicas = c.run(3, 1);
          CAPTURE(name_of(kModels, model));
          CAPTURE(name_of(kRules, rule));
          for (const auto& replica : replicas) CHECK(same_bits(replica, replicas[0]));
          CHECK(distance_of(alone, replicas[0]) < 2e-4);
          CHECK(c.most_stale == 0);
        }
      }
  }

  TEST_CASE("gradients are added up as far as no step overshoots, the same on any number of ranks") {
    // Examples that are all alike are the worst case: their gradients point one way, and each step goes half way already.
    const auto limit_of = [](const Dataset& data, ModelName model, int ranks, std::size_t batch) {
      std::vector<double> limits(static_cast<std::size_t>(ranks));
      World::run_inproc(ranks, [&](World& world) {
        BspCase c{.model = model, .batch = batch};
        c.with_setting(world, data, ranks, 1, [&](const Setting& setting, const Kernel&, Parameters&) {
          const RowNumbers numbers(setting.kernel.layout);
          const auto shares = census(setting.endpoint, setting.kernel, data, {setting.shard_begins.front(), setting.shard_begins.back()}, data.size());
          limits[static_cast<std::size_t>(world.rank())] = sum_limit(setting, numbers, shares, static_cast<double>(batch));
        });
      });
      for (const double limit : limits) CHECK(limit == limits[0]);
      return limits[0];
    };
    Columns alike;
    for (std::size_t i = 0; i < 512; ++i) {
      alike.values.insert(alike.values.end(), {3, 4});
      alike.labels.push_back(i % 2 == 0 ? 1.f : 3.f);  // not of mean 0: there would be no gradient to measure along
    }
    alike.width = 2;
    alike.name = "alike";
    const Dataset same = Dataset::train(alike, 1), mixed = Dataset::train(small_columns(ModelName::logistic, 1024), 1);
    const double narrow = limit_of(same, ModelName::squared, 1, 64), wide = limit_of(mixed, ModelName::logistic, 1, 64);
    CHECK(narrow <= 2);
    CAPTURE(narrow);
    CHECK(wide > narrow);
    for (const int ranks : {2, 3}) {
      CHECK(limit_of(same, ModelName::squared, ranks, 64) == narrow);
      CHECK(limit_of(mixed, ModelName::logistic, ranks, 64) == wide);
    }
  }

  TEST_CASE("--batch all is one step an epoch along the whole gradient") {
    const BspCase c{.batch = sounder::Options::kAll, .epochs = 3};
    const auto replicas = c.run(2, 1);
    CHECK(distance_of(by_hand(c), replicas[0]) < 1e-4);
  }

  TEST_CASE("a batch is --batch, at most the set, and by default larger for larger sets") {
    sounder::Options options;
    mpi::Options between;
    CHECK(batch_of(options, between, 0) == 1);
    CHECK(batch_of(options, between, 5'000) <= batch_of(options, between, 500'000));
    for (const auto& mode : kRankModes) {
      between.mode = mode.value;
      CHECK(batch_of(options, between, 1'000) >= 1);
      CHECK(batch_of(options, between, 1'000) <= 1'000);
    }
    options.batch = 300;
    CHECK(batch_of(options, between, 1'000) == 300);
    CHECK(rounds_of_epoch(1'000, 300) == 4);
    options.batch = sounder::Options::kAll;
    CHECK(batch_of(options, between, 1'000) == 1'000);
    CHECK(rounds_of_epoch(1'000, 1'000) == 1);
  }
}
