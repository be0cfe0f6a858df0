// A worker's window on the parameters: private pages over the hot heads, the shared pages everywhere else.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include <sounder/params/merge/guarded_sum.hpp>
#include <sounder/params/parameters.hpp>
#include <sounder/train/probe.hpp>

#include "hot_rows.hpp"

namespace sounder::shm {

/// One lock a hot block, shared by the workers.
// Written by: the worker that merges the block. Read by: workers that want to. Order: acquire on taking, release
// on freeing: the merge of one worker is seen whole by the next.
using BlockLocks = std::vector<std::atomic<std::uint32_t>>;

/// Which cells of a block are weights, and which are rule state.
class WeightMasks {
 public:
  explicit WeightMasks(const Layout& layout);
  /// 1 for each of the kBlockFloats cells from `offset` on that is a weight, else 0; null where all are.
  const float* of(std::size_t offset) const;

 private:
  Layout layout_;
  // A table's pattern of weights and states repeats after stride floats: one mask for each place where a block may begin.
  std::vector<std::vector<float>> repeated_;
};

/// One address range as large as the parameters, so that the ordinary kernels run on it unchanged. A step on a
/// hot row touches private memory; `tick` merges, now and then, what has gathered there.
class Window {
 public:
  /// `parameters` must be shareable memory. Throws Error if the mapping fails.
  Window(const HotRows& plan, BlockLocks& locks, Parameters& parameters);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  float* data() const { return own_; }

  /// Takes over the shared values: whatever changed the parameters between rounds is seen.
  void refresh();
  /// After every plan.piece examples: merges the blocks that are due. A block that another worker is merging is
  /// left for the next time; its movement is kept, so no update of a hot row is ever lost.
  void tick();
  /// Merges every block, waiting for its lock.
  void settle(Probe* probe = nullptr);

 private:
  void map_tables(const Layout& layout, char* base, int file);
  void merge(std::size_t block);

  const HotRows& plan_;
  BlockLocks& locks_;
  float* shared_;
  float* own_ = nullptr;
  std::size_t bytes_;
  std::vector<GuardedSumBlock> blocks_;
  WeightMasks masks_;
  std::uint64_t ticks_ = 0;
};

}  // namespace sounder::shm
