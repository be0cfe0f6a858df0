// Runs of mode bsp for tests: ranks that are threads, each with its virtual shards of a small set.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sounder/mpi/world.hpp>

#include "batch.hpp"
#include "modes/bsp.hpp"
#include "support.hpp"

namespace sounder::test {

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
    const int workers = ranks - dedicated_servers;
    const Dataset data = Dataset::train(small_columns(model, examples), 1);
    const std::size_t rounds = mpi::rounds_of_epoch(data.size(), std::min(batch, data.size()));
    std::vector<std::vector<float>> weights(static_cast<std::size_t>(ranks));
    told.assign(weights.size(), {});
    mpi::World::run_inproc(ranks, [&](mpi::World& world) {
      with_setting(world, data, workers, threads, [&](const mpi::Setting& setting, const Kernel& own, Parameters& parameters) {
        const bool works = world.rank() < workers;
        mpi::BspParts parts{.feedback = feedback, .chunk_bytes = chunk_bytes, .sum_limit = sum_limit};
        if (tree) parts.tree = tree;
        if (sum)
          parts.sum = [&, rank = world.rank()](mpi::RowReducer& reducer, mpi::RowSums mine) { return sum(rank, reducer, std::move(mine)); };
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
        weights[static_cast<std::size_t>(world.rank())] = weights_of(parameters);
      });
    });
    return weights;
  }
};

}  // namespace sounder::test
