#include "gpu/raw.hpp"

#include <algorithm>
#include <vector>

#include "device/cuda/errors.hpp"
#include "kernels/ptx.hpp"

namespace sounder::cuda::raw {
namespace {

constexpr int kThreads = 256;

__device__ std::size_t thread() { return static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x; }
__device__ std::size_t threads() { return static_cast<std::size_t>(gridDim.x) * kThreads; }

__global__ void reads(const float* from, std::size_t words, float* sum) {
  float part = 0;
  for (std::size_t i = thread(); i < words; i += 4 * threads()) {
    Pack<4> x[4] = {};
    for (int k = 0; k < 4; ++k)
      if (i + k * threads() < words) x[k] = ptx::load4<Scope::system>(from + 4 * (i + k * threads()));
    for (int k = 0; k < 4; ++k) part += (x[k].v[0] + x[k].v[1]) + (x[k].v[2] + x[k].v[3]);
  }
  if (part == -1.f) *sum = part;  // never, but nobody knows
}
__global__ void writes(float* to, std::size_t words, float value) {
  const Pack<4> x{{value, value, value, value}};
  for (std::size_t i = thread(); i < words; i += threads()) ptx::store4<Scope::system>(to + 4 * i, x);
}

template <int kWidth, Scope kScope>
__global__ void __launch_bounds__(kThreads, 6)
    touches(float* users, float* items, const std::uint32_t* ids, const float* labels, std::uint32_t count) {
  constexpr int kLanes = kWidth / 4, kPiece = 16;
  const std::uint32_t offset = 4 * (threadIdx.x % kLanes), groups = static_cast<std::uint32_t>(threads() / kLanes);
  for (auto first = static_cast<std::uint32_t>(thread() / kLanes * kPiece); first < count; first += groups * kPiece) {
    const std::uint32_t end = first + kPiece < count ? first + kPiece : count;
    std::uint32_t user = __ldg(ids + 2 * first), item = __ldg(ids + 2 * first + 1);
    float label = __ldg(labels + first);
    for (std::uint32_t i = first; i < end; ++i) {
      const std::uint32_t next = i + 1 < end ? i + 1 : i;
      float* const p = users + static_cast<std::size_t>(user) * kWidth + offset;
      float* const q = items + static_cast<std::size_t>(item) * kWidth + offset;
      user = __ldg(ids + 2 * next), item = __ldg(ids + 2 * next + 1);
      Pack<4> x = ptx::load4<kScope>(p), y = ptx::load4<kScope>(q);
      x.v[0] += label, y.v[0] += label;
      label = __ldg(labels + next);
      ptx::store4<kScope>(p, x);
      ptx::store4<kScope>(q, y);
    }
  }
}

__global__ void __launch_bounds__(kThreads) gathers_adds(float* cells, const std::uint32_t* ids, const float* values, std::size_t count) {
  for (std::size_t i = thread(); i < count; i += 4 * threads()) {
    SOUNDER_UNROLL for (int k = 0; k < 4; ++k) {
      const std::size_t at = i + k * threads();
      if (at >= count) break;
      float* const cell = cells + __ldg(ids + at);
      const float x = ptx::load<Scope::gpu>(cell);
      ptx::add(cell, 1e-9f * x * __ldg(values + at));
    }
  }
}

/// A number like a random one for each x (the end of MurmurHash3).
__host__ __device__ std::uint32_t mixed(std::uint32_t x) {
  x ^= x >> 16, x *= 0x85ebca6bu, x ^= x >> 13, x *= 0xc2b2ae35u;
  return x ^ (x >> 16);
}
__device__ float uniform(std::size_t i, std::uint32_t seed) {
  const std::uint32_t x = mixed(static_cast<std::uint32_t>(i) * 2654435769u + mixed(static_cast<std::uint32_t>(i >> 32) + seed));
  return static_cast<float>(x >> 8) * 0x1p-24f;
}

__global__ void adds_all_over(float* cells, std::uint32_t mask, int times) {
  std::uint32_t x = mixed(static_cast<std::uint32_t>(thread()));
  for (int i = 0; i < times; ++i) {
    x = x * 1664525u + 1013904223u;
    ptx::add(cells + ((x >> 7) & mask), 1.f);
  }
}
__global__ void add_even(float* words, std::size_t count, int times, bool adds) {
  for (int round = 0; round < times; ++round)
    for (std::size_t i = 2 * thread(); i < count; i += 2 * threads())
      if (adds)
        ptx::add(words + i, 1.f);
      else
        ptx::store<Scope::system>(words + i, ptx::load<Scope::system>(words + i) + 1.f);
}
__global__ void add_same(float* words, int times, bool adds) {
  for (int i = 0; i < times; ++i)
    for (int j = 0; j < 64; j += 4)
      if (adds)
        ptx::add4(words + j, Pack<4>{{1, 1, 1, 1}});
      else {
        Pack<4> x = ptx::load4<Scope::gpu>(words + j);
        for (float& v : x.v) v += 1.f;
        ptx::store4<Scope::gpu>(words + j, x);
      }
}

template <class T, class F>
__global__ void each(T* to, std::size_t count, F f) {
  for (std::size_t i = thread(); i < count; i += threads()) to[i] = f(i);
}
template <class T, class F>
void draw(T* to, std::size_t count, F f) {
  each<<<1024, kThreads>>>(to, count, f);
  check(cudaGetLastError(), "draw data");
}
__global__ void count_bad(const float* from, std::size_t count, unsigned long long* bad) {
  for (std::size_t i = thread(); i < count; i += threads())
    if (!isfinite(from[i])) atomicAdd(bad, 1ull);
}

}  // namespace

double milliseconds(const std::function<void()>& work, int repeats) {
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "make an event");
  check(cudaEventCreate(&end), "make an event");
  std::vector<double> times;
  for (int i = 0; i <= repeats; ++i) {
    check(cudaEventRecord(begin), "time the GPU");
    work();
    check(cudaEventRecord(end), "time the GPU");
    check(cudaEventSynchronize(end), "finish a measurement");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, begin, end), "time the GPU");
    if (i > 0) times.push_back(static_cast<double>(ms));
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
  return times[static_cast<std::size_t>(repeats / 2)];
}
void finish() { check(cudaDeviceSynchronize(), "finish the work on the GPU"); }

void copy(void* to, const void* from, std::size_t bytes) { check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, nullptr), "copy"); }
void read(const float* from, std::size_t floats, float* sum, int blocks) { reads<<<blocks, kThreads>>>(from, floats / 4, sum); }
void write(float* to, std::size_t floats, float value, int blocks) { writes<<<blocks, kThreads>>>(to, floats / 4, value); }

void touch_rows(int width, bool system_scope, float* users, float* items, const std::uint32_t* ids, const float* labels, std::size_t count, int blocks) {
  const auto kernel = width == 32 ? touches<32, Scope::gpu> : system_scope ? touches<128, Scope::system> : touches<128, Scope::gpu>;
  kernel<<<blocks, kThreads>>>(users, items, ids, labels, static_cast<std::uint32_t>(count));
}
void gather_add(float* cells, const std::uint32_t* ids, const float* values, std::size_t count, int blocks) {
  gathers_adds<<<blocks, kThreads>>>(cells, ids, values, count);
}
void scattered_adds(float* cells, std::uint32_t mask, int times, int blocks) { adds_all_over<<<blocks, kThreads>>>(cells, mask, times); }
void add_to_even_words(float* words, std::size_t count, int times, bool adds) { add_even<<<132, kThreads>>>(words, count, times, adds); }
void add_to_same_words(float* words, int times, bool adds, int blocks) { add_same<<<blocks, kThreads>>>(words, times, adds); }

void fill(float* to, std::size_t count, float low, float high, std::uint32_t seed) {
  draw(to, count, [=] __device__(std::size_t i) { return low + (high - low) * uniform(i, seed); });
}
void ratings(std::uint32_t* ids, std::size_t count, std::uint32_t users, std::uint32_t items) {
  draw(ids, 2 * count, [=] __device__(std::size_t i) {
    const float u = uniform(i, 1);
    return i % 2 == 0 ? static_cast<std::uint32_t>(u * static_cast<float>(users)) : static_cast<std::uint32_t>(u * sqrtf(u) * static_cast<float>(items));
  });
}
void features(std::uint32_t* ids, std::size_t count, std::uint32_t features, bool zipf) {
  draw(ids, count, [=] __device__(std::size_t i) {
    const float u = uniform(i, 2), n = static_cast<float>(features);
    return static_cast<std::uint32_t>(fminf(zipf ? expf(u * logf(n)) - 1.f : u * n, n - 1.f));
  });
}
void signs(float* to, std::size_t count) {
  draw(to, count, [=] __device__(std::size_t i) { return uniform(i, 3) < 0.5f ? -1.f : 1.f; });
}
void multiples(std::uint64_t* to, std::size_t count, std::uint64_t of) {
  draw(to, count, [=] __device__(std::size_t i) { return i * of; });
}
std::uint64_t not_finite(const float* from, std::size_t count) {
  unsigned long long* bad = nullptr;
  check(cudaMalloc(&bad, sizeof *bad), "allocate memory on the GPU");
  unsigned long long found = 0;
  cudaMemset(bad, 0, sizeof *bad);
  count_bad<<<1024, kThreads>>>(from, count, bad);
  const cudaError_t result = cudaMemcpy(&found, bad, sizeof found, cudaMemcpyDefault);
  cudaFree(bad);
  check(result, "look for numbers that are not finite");
  return found;
}

}  // namespace sounder::cuda::raw
