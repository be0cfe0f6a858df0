// The updaters that are shipped.
#include <sounder/mpi/updater.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include <sounder/params/merge/guarded_sum.hpp>

#include "protocol/rows.hpp"

namespace sounder::mpi {
namespace {

static_assert(kGuardFloats == kBlockFloats);

std::size_t at(int worker) { return static_cast<std::size_t>(worker); }

/// f(table, first float within the table, values of one run), where pushed rows are as wide as rows.
template <class F>
void each_run(ShardRows& shard, std::span<const Run> runs, std::span<const float> values, F f) {
  std::size_t done = 0;
  for (const Run& run : runs) {
    const auto width = static_cast<std::size_t>(shard.width(run.table));
    const std::size_t floats = run.count * width;
    f(run.table, static_cast<std::size_t>(run.first) * width, values.subspan(done, floats));
    done += floats;
  }
}

class Sum : public Updater {
 public:
  void apply(ShardRows& shard, const PushView& push) override { add(shard, push, 1); }

 protected:
  static void add(ShardRows& shard, const PushView& push, float factor) {
    each_run(shard, push.runs, push.values, [&](std::size_t table, std::size_t first, std::span<const float> values) {
      float* const weights = shard.floats(table).data() + first;
      for (std::size_t i = 0; i < values.size(); ++i) weights[i] += factor * values[i];
    });
  }
};

class Scaled final : public Sum {
 public:
  void apply(ShardRows& shard, const PushView& push) override {
    add(shard, push, 1 / static_cast<float>(std::max<std::uint64_t>(1, push.staleness)));
  }
};

/// What each worker was last sent of each block, made when first needed: a worker that pulls few rows costs little.
template <class Block>
class BlocksOfWorkers {
 public:
  BlocksOfWorkers(ShardRows& shard, int workers) : of_(at(workers)) {
    for (auto& tables : of_) tables.resize(shard.tables());
  }
  /// A new block is made by `make(what the shard holds of it now)`.
  template <class Make>
  Block& get(ShardRows& shard, int worker, std::size_t table, std::size_t block, Make make) {
    std::vector<std::unique_ptr<Block>>& blocks = of_[at(worker)][table];
    if (blocks.empty()) blocks.resize(shard.floats(table).size() / kGuardFloats);
    if (!blocks[block]) {
      blocks[block] = std::make_unique<Block>();
      make(*blocks[block], shard.floats(table).data() + block * kGuardFloats);
    }
    return *blocks[block];
  }

 private:
  std::vector<std::vector<std::vector<std::unique_ptr<Block>>>> of_;  // worker, table, block
};

/// f(block, place in it, part of the values) where a run meets a block.
template <class F>
void each_block(std::size_t first, std::span<const float> values, F f) {
  for (std::size_t done = 0; done < values.size();) {
    const std::size_t in_block = (first + done) % kGuardFloats, count = std::min(kGuardFloats - in_block, values.size() - done);
    f((first + done) / kGuardFloats, in_block, values.subspan(done, count));
    done += count;
  }
}

class GuardedSum final : public Updater {
 public:
  GuardedSum(ShardRows& shard, int workers) : blocks_(shard, workers) {}

  void apply(ShardRows& shard, const PushView& push) override {
    // Rows of one block that follow each other are merged at once.
    alignas(64) float own[kGuardFloats];
    GuardedSumBlock* open = nullptr;
    float* open_shared = nullptr;
    const auto close = [&] {
      if (open) merge_guarded_sum(open_shared, own, *open);
    };
    each_run(shard, push.runs, push.values, [&](std::size_t table, std::size_t first, std::span<const float> values) {
      each_block(first, values, [&](std::size_t block, std::size_t in_block, std::span<const float> part) {
        float* const shared = shard.floats(table).data() + block * kGuardFloats;
        if (shared != open_shared) {
          close();
          open = &block_of(shard, push.worker, table, block);
          open_shared = shared;
          std::memcpy(own, open->base, sizeof own);
        }
        for (std::size_t i = 0; i < part.size(); ++i) own[in_block + i] += part[i];
      });
    });
    close();
  }

  void sent(ShardRows& shard, int worker, std::span<const Run> runs, std::span<const float> sent_values) override {
    each_run(shard, runs, sent_values, [&](std::size_t table, std::size_t first, std::span<const float> values) {
      each_block(first, values, [&](std::size_t block, std::size_t in_block, std::span<const float> part) {
        std::copy(part.begin(), part.end(), block_of(shard, worker, table, block).base + in_block);
      });
    });
  }

 private:
  GuardedSumBlock& block_of(ShardRows& shard, int worker, std::size_t table, std::size_t block) {
    return blocks_.get(shard, worker, table, block, [](GuardedSumBlock& made, const float* shared) {
      std::memcpy(made.base, shared, sizeof made.base);
      made.theta = 1;  // rounds are long: guarded until no overshoot shows
    });
  }

  BlocksOfWorkers<GuardedSumBlock> blocks_;
};

class DelayCompensated final : public Updater {
 public:
  DelayCompensated(ShardRows& shard, int workers, float lambda) : blocks_(shard, workers), lambda_(lambda) {}

  void apply(ShardRows& shard, const PushView& push) override {
    each_run(shard, push.runs, push.values, [&](std::size_t table, std::size_t first, std::span<const float> values) {
      each_block(first, values, [&](std::size_t block, std::size_t in_block, std::span<const float> part) {
        const float* const base = block_of(shard, push.worker, table, block).value + in_block;
        float* const weights = shard.floats(table).data() + block * kGuardFloats + in_block;
        // rate * lambda * g * g with g = -delta / rate
        const float factor = push.rate > 0 ? lambda_ / push.rate : 0;
        for (std::size_t i = 0; i < part.size(); ++i) weights[i] += part[i] - factor * part[i] * part[i] * (weights[i] - base[i]);
      });
    });
  }

  void sent(ShardRows& shard, int worker, std::span<const Run> runs, std::span<const float> sent_values) override {
    each_run(shard, runs, sent_values, [&](std::size_t table, std::size_t first, std::span<const float> values) {
      each_block(first, values, [&](std::size_t block, std::size_t in_block, std::span<const float> part) {
        std::copy(part.begin(), part.end(), block_of(shard, worker, table, block).value + in_block);
      });
    });
  }

 private:
  struct Block {
    float value[kGuardFloats];
  };
  Block& block_of(ShardRows& shard, int worker, std::size_t table, std::size_t block) {
    return blocks_.get(shard, worker, table, block,
                       [](Block& made, const float* shared) { std::memcpy(made.value, shared, sizeof made.value); });
  }

  BlocksOfWorkers<Block> blocks_;
  float lambda_;
};

}  // namespace

UpdaterFactory sum_updater() {
  return [](ShardRows&, int) { return std::make_unique<Sum>(); };
}
UpdaterFactory guarded_sum_updater() {
  return [](ShardRows& shard, int workers) { return std::make_unique<GuardedSum>(shard, workers); };
}
UpdaterFactory scaled_updater() {
  return [](ShardRows&, int) { return std::make_unique<Scaled>(); };
}
UpdaterFactory delay_compensated_updater(float lambda) {
  return [lambda](ShardRows& shard, int workers) { return std::make_unique<DelayCompensated>(shard, workers, lambda); };
}

}  // namespace sounder::mpi
