// Runs of mode bsp for tests: ranks that are threads, each with its virtual shards of a small set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sounder/data/random.hpp>
#include <sounder/mpi/world.hpp>
#include <sounder/params/gradient.hpp>
#include <sounder/params/touches.hpp>

#include "batch.hpp"
#include "modes/bsp.hpp"
#include "support.hpp"

namespace sounder::test {

/// Of three classes, each around a point of its own.
inline Columns dense_columns(std::size_t examples) {
  Columns columns;
  columns.name = "dense";
  columns.width = 40;
  columns.classes = {0, 1, 2};
  Random random(5);
  for (std::size_t i = 0; i < examples; ++i) {
    const auto label = static_cast<std::uint32_t>(random.below(3));
    for (std::uint32_t j = 0; j < columns.width; ++j) columns.values.push_back(static_cast<float>((j % 3 == label ? 0.5 : 0) + random.normal()));
    columns.labels.push_back(static_cast<float>(label));
  }
  return columns;
}

struct BspCase {
  ModelName model = ModelName::logistic;
  RuleName rule = RuleName::sgd;
  bool deterministic = false;
  Architecture architecture = Architecture::allreduce;
  std::size_t examples = kThreadSanitizer ? 512 : 1024;
  std::size_t batch = 64;
  int epochs = 2;
  std::size_t most_rounds = 1'000'000;  ///< of an epoch
  int silent_rank = -1;                 ///< gathers nothing
  std::size_t chunk_bytes = mpi::kChunkBytes;
  std::function<std::unique_ptr<mpi::TreeReducer>(mpi::Endpoint&, const mpi::RowNumbers&, const mpi::TreeOptions&)> tree{};
  std::function<mpi::RowSums(int rank, mpi::RowReducer&, mpi::RowSums)> sum{};
  bool dense = false;                   ///< examples of 40 numbers, of mlp
  bool overlap = true;
  std::size_t piece_bytes = 256;        ///< four rows of 16 floats
  std::function<std::unique_ptr<mpi::Buckets>(int rank, mpi::Endpoint&, std::unique_ptr<mpi::WalkedReducer>, std::vector<std::size_t>)> buckets{};
  ReducerName reducer = ReducerName::ring;
  bool audit = false;
  CodecName codec = CodecName::none;
  double topk_share = 0.1;
  bool feedback = true;                 ///< of what a codec leaves out
  float l1 = 0;
  std::optional<double> sum_limit = 4;
  int dedicated_servers = 0;
  mutable std::uint64_t most_stale = 0;  ///< clocks, in the last run; of rank 0
  mutable std::vector<mpi::ModeTelemetry> told{};  ///< in the last run, by rank

  Kernel kernel(const Dataset& data) const {
    return builtin_kernel({.model = model, .l2 = model == ModelName::cut ? 0 : 1e-3, .factors = 14, .hidden = 16}, data, rule);
  }
  Dataset data() const { return Dataset::train(dense ? dense_columns(examples) : small_columns(model, examples), 1); }
  float rate(const Kernel& kernel) const { return static_cast<float>(kernel.default_step); }

  /// Where each virtual shard begins in the whole set, and the end.
  static std::vector<std::size_t> shards(const Dataset& data) {
    std::vector<std::size_t> begins;
    for (std::size_t shard = 0; shard <= mpi::kVirtualShards; ++shard) begins.push_back(data.size() * shard / mpi::kVirtualShards);
    return begins;
  }
  /// What a rank takes of a round: an equal part, so that a batch does not depend on the ranks.
  static Range range_of_round(const Dataset& data, int rank, int ranks, std::size_t round, std::size_t rounds) {
    const std::size_t begin = data.size() * round / rounds, size = data.size() * (round + 1) / rounds - begin;
    const auto at = [&](int r) { return begin + size * static_cast<std::size_t>(r) / static_cast<std::size_t>(ranks); };
    return {at(rank), at(rank + 1)};
  }

  /// f(setting, kernel, parameters) of one rank.
  void with_setting(mpi::World& world, const Dataset& data, int workers, int threads,
                    const std::function<void(const mpi::Setting&, const Kernel&, Parameters&)>& f) const {
    const std::vector<std::size_t> begins = shards(data);
    const Kernel own = kernel(data);
    Parameters parameters(own.layout);
    own.initialize(parameters, 1);
    sounder::Options options = options_for(Mode::hogwild, epochs, threads);
    options.rule = rule;
    options.batch = batch;
    options.pin = PinName::none;
    mpi::Options between;
    between.architecture = architecture;
    between.deterministic = deterministic;
    between.dedicated_servers = dedicated_servers;
    between.audit = audit;
    between.overlap = overlap;
    between.reducer = reducer;
    between.codec = codec;
    between.topk_share = topk_share;
    const auto backend = shm::make_backend(options);
    backend->prepare(own, data, parameters);
    const int first = world.rank() < workers ? mpi::first_shard_of(world.rank(), workers) : mpi::kVirtualShards;
    const int last = world.rank() < workers ? mpi::first_shard_of(world.rank() + 1, workers) : first;
    f({.world = world,
       .endpoint = world.endpoint(),
       .workers = workers,
       .kernel = own,
       .data = data,
       .shard_begins = std::span(begins).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first + 1)),
       .first_shard = first,
       .all_examples = data.size(),
       .parameters = parameters,
       .backend = *backend,
       .options = options,
       .mpi = between},
      own, parameters);
  }

  /// The weights of each rank at the end.
  std::vector<std::vector<float>> run(int ranks, int threads) const {
    const Dataset all = data();
    std::vector<std::vector<float>> weights(static_cast<std::size_t>(ranks));
    told.assign(weights.size(), {});
    mpi::World::run_inproc(ranks, [&](mpi::World& world) { weights[static_cast<std::size_t>(world.rank())] = run_rank(world, all, threads); });
    return weights;
  }

  /// The weights of this rank at the end. `told` has room for all.
  std::vector<float> run_rank(mpi::World& world, const Dataset& data, int threads) const {
    const int workers = world.size() - dedicated_servers;
    const std::size_t rounds = mpi::rounds_of_epoch(data.size(), std::min(batch, data.size()));
    std::vector<float> weights;
    with_setting(world, data, workers, threads, [&](const mpi::Setting& setting, const Kernel& own, Parameters& parameters) {
      const bool works = world.rank() < workers;
      mpi::BspParts parts{.feedback = feedback, .chunk_bytes = chunk_bytes, .sum_limit = sum_limit, .piece_bytes = piece_bytes};
      if (tree) parts.tree = tree;
      if (sum)
        parts.sum = [&, rank = world.rank()](mpi::RowReducer& reducer, mpi::RowSums mine) { return sum(rank, reducer, std::move(mine)); };
      if (buckets)
        parts.buckets = [&, rank = world.rank()](mpi::Endpoint& endpoint, std::unique_ptr<mpi::WalkedReducer> by, std::vector<std::size_t> ends) {
          return buckets(rank, endpoint, std::move(by), std::move(ends));
        };
      const auto mode = mpi::make_bsp(setting, parts);
      for (int epoch = 0; works && epoch < epochs; ++epoch)
        for (std::size_t round = 0; round < std::min(rounds, most_rounds); ++round) {
          Range range = range_of_round(data, world.rank(), workers, round, rounds);
          if (world.rank() == silent_rank) range.end = range.begin;
          ChunkQueue queue(data.size(), 1);
          queue.open(range.begin, range.end, threads);
          const mpi::RankRound work{.round = {.epoch = epoch,
                                              .index = epoch * static_cast<int>(rounds) + static_cast<int>(round),
                                              .rate = rate(own),
                                              .l1 = l1},
                                    .queue = queue,
                                    .ranges = std::span(&range, 1)};
          int pads = 0;
          mode->run(work, [&] { ++pads; });
          CHECK(pads == 1);
        }
      if (works) {
        mode->refresh();
        const std::vector<float> seen = weights_of(parameters);
        mode->leave();
        mode->finish();
        CHECK(seen == weights_of(parameters));
      } else {
        mode->finish();
      }
      if (world.rank() == 0) most_stale = mode->telemetry().staleness_clocks.max();
      told[static_cast<std::size_t>(world.rank())] = mode->telemetry();
      weights = weights_of(parameters);
    });
    return weights;
  }
};

/// What one thread computes that does all batches of `run` by itself: the sum at frozen parameters, scaled, one step.
inline std::vector<float> by_hand(const BspCase& c) {
  const Dataset data = c.data();
  const Kernel kernel = c.kernel(data);
  Parameters parameters(kernel.layout);
  kernel.initialize(parameters, 1);
  const std::size_t rounds = mpi::rounds_of_epoch(data.size(), std::min(c.batch, data.size()));
  auto shares = touch_frequencies(kernel, data);
  const auto scales = batch_scales(shares, static_cast<double>(data.size()) / static_cast<double>(rounds) / *c.sum_limit);
  Gradient gradient(kernel);
  for (int epoch = 0; epoch < c.epochs; ++epoch)
    for (std::size_t round = 0; round < rounds; ++round) {
      const StepContext context{.cells = parameters.cells(), .rate = c.rate(kernel), .l1 = c.l1};
      const Range range = c.range_of_round(data, 0, 1, round, rounds);
      gradient.collect(context, data.examples(), range.begin, range.end);
      gradient.close_intercept();
      gradient.apply(context, gradient.rows(), &scales);
      gradient.clear();
    }
  return weights_of(parameters);
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace sounder::test
