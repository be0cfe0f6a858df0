// Exchanges the movements of master and mirror. A block of 64 floats is 16 lanes' work; each reads and writes 16 bytes of the master
// at once, so that the bus carries whole lines.
#include <algorithm>

#include "kernels/exchange.hpp"
#include "kernels/preload.hpp"
#include "kernels/ptx.hpp"
#include "lanes/group_lanes.hpp"

namespace sounder::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMostGrid = 132;  ///< blocks: enough bytes on their way to fill the bus, few enough to leave the GPU to training
using Lanes = GroupLanes<static_cast<int>(kBlockFloats) / 4>;

/// Both copies of a block as one lane sees them, already read: that hides the way over the bus behind the other blocks'.
struct DeviceExchange {
  using F = Lanes::F;
  float* master;
  float* mirror;
  F from_master, from_mirror;

  // What the block keeps is this lane's alone.
  __device__ __forceinline__ F load(const float* p) const { return *reinterpret_cast<const F*>(p + Lanes::offset()); }
  __device__ __forceinline__ void store(float* p, const F& f) const { *reinterpret_cast<F*>(p + Lanes::offset()) = f; }
  __device__ __forceinline__ F shared(int) const { return from_master; }
  __device__ __forceinline__ F own(int) const { return from_mirror; }
  __device__ __forceinline__ void settle(int, const F& own, const F& merged) const {
    if (merged.v[0] != from_master.v[0] && merged.v[1] != from_master.v[1] && merged.v[2] != from_master.v[2] && merged.v[3] != from_master.v[3])
      ptx::store4<Scope::system>(master, merged);
    else  // a word that the mirror has not moved is not written: it may be a CPU thread's by now
      SOUNDER_UNROLL for (int i = 0; i < 4; ++i) if (merged.v[i] != from_master.v[i]) ptx::store<Scope::system>(master + i, merged.v[i]);
    ptx::add4(mirror, merged - own);  // what has come to the mirror since it was read stays there
  }
  static __device__ __forceinline__ bool differ(const F& a, const F& b) {
    return a.v[0] != b.v[0] || a.v[1] != b.v[1] || a.v[2] != b.v[2] || a.v[3] != b.v[3];
  }
};

/// Lanes of a warp that hold one block.
__device__ __forceinline__ unsigned lanes_of_block() { return 0xffffu << (threadIdx.x & 16u); }

__global__ void __launch_bounds__(kThreads) reconcile(const Exchanged what) {
  constexpr int kInFlight = 4;  // blocks that a group has asked the bus for
  const std::size_t group = (blockIdx.x * kThreads + threadIdx.x) / Lanes::kLanes, groups = gridDim.x * kThreads / Lanes::kLanes;
  for (std::size_t first = what.first + group; first < what.last; first += groups * kInFlight) {
    Lanes::F of_master[kInFlight];
    SOUNDER_UNROLL for (int i = 0; i < kInFlight; ++i) {
      const std::size_t block = first + i * groups;
      if (block < what.last) of_master[i] = ptx::load4<Scope::system>(what.master + block * kBlockFloats + Lanes::offset());
    }
    SOUNDER_UNROLL for (int i = 0; i < kInFlight; ++i) {
      const std::size_t block = first + i * groups;
      if (block >= what.last) break;
      const std::size_t at = block * kBlockFloats + Lanes::offset();
      GuardedSumBlock& kept = what.blocks[block];
      const DeviceExchange cells{what.master + at, what.mirror + at, of_master[i], ptx::load4<Scope::gpu>(what.mirror + at)};
      const Lanes::F base = cells.load(kept.base);
      const bool moved = DeviceExchange::differ(cells.from_master, base) || DeviceExchange::differ(cells.from_mirror, base);
      if (__any_sync(lanes_of_block(), moved)) merge_block<Lanes>(cells, kept, nullptr, what.rule, what.share);
    }
  }
}

__global__ void __launch_bounds__(kThreads) refresh(const Exchanged what) {
  const std::size_t group = (blockIdx.x * kThreads + threadIdx.x) / Lanes::kLanes, groups = gridDim.x * kThreads / Lanes::kLanes;
  for (std::size_t block = what.first + group; block < what.last; block += groups) {
    const std::size_t at = block * kBlockFloats + Lanes::offset();
    GuardedSumBlock& kept = what.blocks[block];
    const Lanes::F x = ptx::load4<Scope::system>(what.master + at);
    ptx::store4<Scope::gpu>(what.mirror + at, x);
    *reinterpret_cast<Lanes::F*>(kept.base + Lanes::offset()) = x;
  }
}

int grid_of(const Exchanged& what) {
  const std::size_t threads = (what.last - what.first) * Lanes::kLanes;
  return static_cast<int>(std::min<std::size_t>(kMostGrid, (threads + kThreads - 1) / kThreads));
}

}  // namespace

void preload_exchange() {
  preload(reinterpret_cast<const void*>(&reconcile));
  preload(reinterpret_cast<const void*>(&refresh));
}
void start_refresh(const Exchanged& what, void* stream) {
  if (what.first < what.last) refresh<<<grid_of(what), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(what);
}
void start_reconcile(const Exchanged& what, void* stream) {
  if (what.first < what.last) reconcile<<<grid_of(what), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(what);
}

}  // namespace sounder::cuda
