#include "device/cuda/memory.hpp"

#include <cstring>
#include <new>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "device/cuda/errors.hpp"

namespace sounder::cuda {
namespace {

constexpr std::align_val_t kPage{4096};

/// Advice and movement at once: the memory is to stay there, and goes there now.
void settle(void* memory, std::size_t bytes, cudaMemLocation location) {
  check(cudaMemAdvise(memory, bytes, cudaMemAdviseSetPreferredLocation, location), "keep managed memory in its place");
  check(cudaMemPrefetchAsync(memory, bytes, location, 0, nullptr), "move managed memory to its place");
  check(cudaStreamSynchronize(nullptr), "move managed memory to its place");
}

}  // namespace

std::shared_ptr<void> Memory::allocate(Where where, std::size_t bytes) {
  if (bytes == 0) bytes = 1;
  check(cudaSetDevice(device_), "use the GPU");
  void* memory = nullptr;
  switch (where) {
    case Where::device:
      check(cudaMalloc(&memory, bytes), "allocate memory on the GPU");
      return {memory, [](void* p) { cudaFree(p); }};
    case Where::pinned:
      check(cudaHostAlloc(&memory, bytes, cudaHostAllocMapped | cudaHostAllocPortable), "allocate pinned memory");
      std::memset(memory, 0, bytes);
      return {memory, [](void* p) { cudaFreeHost(p); }};
    case Where::heap:
      memory = ::operator new(bytes, kPage);
      std::memset(memory, 0, bytes);
      return {memory, [](void* p) { ::operator delete(p, kPage); }};
    case Where::host:
    case Where::managed:
    case Where::managed_on_device: break;
  }
  return managed(where, bytes);
}

std::shared_ptr<void> Memory::managed(Where where, std::size_t bytes) {
  if (managed_->fetch_add(bytes, std::memory_order_relaxed) + bytes > budget_) {
    managed_->fetch_sub(bytes, std::memory_order_relaxed);
    throw Error(fmt::format("{} MiB of managed memory would exceed the {} MiB that are safe on this GPU: give --placement mirror, or fewer factors",
                            bytes >> 20, budget_ >> 20));
  }
  void* memory = nullptr;
  const cudaError_t result = cudaMallocManaged(&memory, bytes, cudaMemAttachGlobal);
  if (result != cudaSuccess) managed_->fetch_sub(bytes, std::memory_order_relaxed);
  check(result, "allocate managed memory");
  std::shared_ptr<void> owner(memory, [bytes, count = managed_](void* p) {
    cudaFree(p);
    count->fetch_sub(bytes, std::memory_order_relaxed);
  });
  const cudaMemLocation host{.type = cudaMemLocationTypeHost, .id = 0}, device{.type = cudaMemLocationTypeDevice, .id = device_};
  if (where == Where::managed_on_device) {
    if (concurrent_) settle(memory, bytes, device);
    check(cudaMemset(memory, 0, bytes), "clear managed memory");
    check(cudaDeviceSynchronize(), "clear managed memory");
    return owner;
  }
  if (where == Where::host && concurrent_) {
    settle(memory, bytes, host);
    check(cudaMemAdvise(memory, bytes, cudaMemAdviseSetAccessedBy, device), "map managed memory to the GPU");
  }
  std::memset(memory, 0, bytes);
  return owner;
}

}  // namespace sounder::cuda
