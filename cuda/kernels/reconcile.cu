// Exchanges the movements of master and mirror. A block of 64 floats is 16 lanes' work; each reads and writes 16 bytes of the master
// at once, so that the bus carries whole lines.
#include <algorithm>

#include "kernels/exchange.hpp"
#include "kernels/narrow_cell.hpp"
#include "kernels/preload.hpp"
#include "kernels/ptx.hpp"
#include "lanes/group_lanes.hpp"

namespace sounder::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMostGrid = 132;  ///< blocks: enough bytes on their way to fill the bus, few enough to leave the GPU to training
using Lanes = GroupLanes<static_cast<int>(kBlockFloats) / 4>;

/// The words of a master that have moved. The others may be a CPU thread's by now.
__device__ __forceinline__ void store_moved(float* master, const Lanes::F& from, const Lanes::F& to) {
  if (to.v[0] != from.v[0] && to.v[1] != from.v[1] && to.v[2] != from.v[2] && to.v[3] != from.v[3])
    ptx::store4<Scope::system>(master, to);
  else
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) if (to.v[i] != from.v[i]) ptx::store<Scope::system>(master + i, to.v[i]);
}

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
    store_moved(master, from_master, merged);
    ptx::add4(mirror, merged - own);  // what has come to the mirror since it was read stays there
  }
  static __device__ __forceinline__ bool differ(const F& a, const F& b) {
    return a.v[0] != b.v[0] || a.v[1] != b.v[1] || a.v[2] != b.v[2] || a.v[3] != b.v[3];
  }
};

/// The same where the mirror has 16 bits a cell.
struct DeviceNarrowExchange {
  using F = Lanes::F;
  const Exchanged& what;
  std::size_t at;  ///< this lane's first cell
  GuardedSumBlock& kept;
  F from_master, base;
  ptx::Words left, from_mirror;

  static __device__ __forceinline__ std::uint16_t half(const ptx::Words& words, int i) { return static_cast<std::uint16_t>(words.v[i / 2] >> (i % 2 * 16)); }
  static __device__ __forceinline__ void put(ptx::Words& words, int i, std::uint16_t x) { words.v[i / 2] |= static_cast<std::uint32_t>(x) << (i % 2 * 16); }
  __device__ __forceinline__ NarrowCell<> cell(int i) const {
    return {what.storage, static_cast<std::uint32_t>(at) + static_cast<std::uint32_t>(i), what.seed, base.v[i], from_master.v[i], half(left, i), half(from_mirror, i)};
  }
  __device__ __forceinline__ bool moved() const {
    bool moved = false;
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) moved |= cell(i).moved();
    return moved;
  }
  __device__ __forceinline__ F load(const float* p) const { return *reinterpret_cast<const F*>(p + Lanes::offset()); }
  __device__ __forceinline__ void store(float* p, const F& f) const { *reinterpret_cast<F*>(p + Lanes::offset()) = f; }
  __device__ __forceinline__ F shared(int) const { return from_master; }
  __device__ __forceinline__ F own(int) const {
    F own;
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) own.v[i] = cell(i).own();
    return own;
  }
  __device__ __forceinline__ void settle(int, const F&, const F& merged) const {
    F value;
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) value.v[i] = cell(i).settled(merged.v[i]);
    store_moved(what.master + at, from_master, value);
    store(kept.base, value);
    std::uint16_t* const mirror = reinterpret_cast<std::uint16_t*>(what.mirror) + at;
    const ptx::Words now = ptx::load_words(mirror);
    ptx::Words next{}, leaves{};
    SOUNDER_UNROLL for (int i = 0; i < 4; ++i) {
      put(next, i, cell(i).next(value.v[i], half(now, i)));
      put(leaves, i, cell(i).leaves(value.v[i], half(next, i), half(now, i)));
    }
    if (next.v[0] != now.v[0] || next.v[1] != now.v[1]) ptx::store_words(mirror, next);
    *reinterpret_cast<ptx::Words*>(what.left + at) = leaves;
  }
};

/// Lanes of a warp that hold one block.
__device__ __forceinline__ unsigned lanes_of_block() { return 0xffffu << (threadIdx.x & 16u); }

/// `kNarrow`: the mirror has 16 bits a cell.
template <bool kNarrow>
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
      if constexpr (kNarrow) {
        const DeviceNarrowExchange cells{what, at, kept, of_master[i], *reinterpret_cast<const Lanes::F*>(kept.base + Lanes::offset()),
                                         *reinterpret_cast<const ptx::Words*>(what.left + at),
                                         ptx::load_words(reinterpret_cast<const std::uint16_t*>(what.mirror) + at)};
        if (__any_sync(lanes_of_block(), cells.moved())) merge_block<Lanes>(cells, kept, nullptr, what.rule, what.share);
      } else {
        const DeviceExchange cells{what.master + at, what.mirror + at, of_master[i], ptx::load4<Scope::gpu>(what.mirror + at)};
        const Lanes::F base = cells.load(kept.base);
        const bool moved = DeviceExchange::differ(cells.from_master, base) || DeviceExchange::differ(cells.from_mirror, base);
        if (__any_sync(lanes_of_block(), moved)) merge_block<Lanes>(cells, kept, nullptr, what.rule, what.share);
      }
    }
  }
}

__global__ void __launch_bounds__(kThreads) refresh(const Exchanged what) {
  const std::size_t group = (blockIdx.x * kThreads + threadIdx.x) / Lanes::kLanes, groups = gridDim.x * kThreads / Lanes::kLanes;
  for (std::size_t block = what.first + group; block < what.last; block += groups) {
    const std::size_t at = block * kBlockFloats + Lanes::offset();
    GuardedSumBlock& kept = what.blocks[block];
    const Lanes::F x = ptx::load4<Scope::system>(what.master + at);
    if (what.storage == StorageName::f32) {
      ptx::store4<Scope::gpu>(what.mirror + at, x);
    } else {
      ptx::Words words{};
      SOUNDER_UNROLL for (int i = 0; i < 4; ++i)
        DeviceNarrowExchange::put(words, i, AtRandom::rounded(what.storage, x.v[i], static_cast<std::uint32_t>(at) + static_cast<std::uint32_t>(i), what.seed));
      ptx::store_words(reinterpret_cast<std::uint16_t*>(what.mirror) + at, words);
      *reinterpret_cast<ptx::Words*>(what.left + at) = words;
    }
    *reinterpret_cast<Lanes::F*>(kept.base + Lanes::offset()) = x;
  }
}

int grid_of(const Exchanged& what) {
  const std::size_t threads = (what.last - what.first) * Lanes::kLanes;
  return static_cast<int>(std::min<std::size_t>(kMostGrid, (threads + kThreads - 1) / kThreads));
}

}  // namespace

void preload_exchange() {
  preload(reinterpret_cast<const void*>(&reconcile<false>));
  preload(reinterpret_cast<const void*>(&reconcile<true>));
  preload(reinterpret_cast<const void*>(&refresh));
}
void start_refresh(const Exchanged& what, void* stream) {
  if (what.first < what.last) refresh<<<grid_of(what), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(what);
}
void start_reconcile(const Exchanged& what, void* stream) {
  if (what.first >= what.last) return;
  const auto on = static_cast<cudaStream_t>(stream);
  if (what.storage == StorageName::f32)
    reconcile<false><<<grid_of(what), kThreads, 0, on>>>(what);
  else
    reconcile<true><<<grid_of(what), kThreads, 0, on>>>(what);
}

}  // namespace sounder::cuda
