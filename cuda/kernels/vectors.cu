// Adds vectors up in one pass: each is read once, and the sum is written once.
#include <algorithm>

#include "kernels/preload.hpp"
#include "kernels/vectors.hpp"
#include "lanes/pack.hpp"

namespace sounder::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::size_t kMostGrid = 1056;  ///< blocks: enough to fill any GPU of today

/// Nobody else touches the vectors meanwhile. In the order of the vectors, so that a sum has the same bits wherever it is made.
__global__ void __launch_bounds__(kThreads) add_vectors(const __grid_constant__ VectorSum sum) {
  const std::size_t first = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x, threads = static_cast<std::size_t>(gridDim.x) * kThreads;
  const std::size_t packs = sum.floats / 4;
  for (std::size_t i = first; i < packs; i += threads) {
    Pack<4> x = reinterpret_cast<const Pack<4>*>(sum.from[0])[i];
    for (int k = 1; k < sum.count; ++k) x = x + reinterpret_cast<const Pack<4>*>(sum.from[k])[i];
    reinterpret_cast<Pack<4>*>(sum.to)[i] = x;
  }
  const std::size_t last = 4 * packs + first;
  if (last >= sum.floats) return;
  float x = sum.from[0][last];
  for (int k = 1; k < sum.count; ++k) x += sum.from[k][last];
  sum.to[last] = x;
}

}  // namespace

void preload_vectors() { preload(reinterpret_cast<const void*>(&add_vectors)); }
void start_add(const VectorSum& sum, void* stream) {
  if (sum.floats == 0) return;
  const auto grid = static_cast<unsigned>(std::min(kMostGrid, (sum.floats / 4 + kThreads) / kThreads));
  add_vectors<<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(sum);
}

}  // namespace sounder::cuda
