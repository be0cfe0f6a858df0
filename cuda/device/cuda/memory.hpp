// Memory of every kind that the CPU and a GPU can share.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include <sounder/cuda/placement.hpp>

namespace sounder::cuda {

/// Hands out memory of one GPU. Managed memory never exceeds the budget: more than the card holds can hang it.
class Memory {
 public:
  Memory(int device, std::size_t managed_budget, bool concurrent_managed_access)
      : device_(device), budget_(managed_budget), concurrent_(concurrent_managed_access) {}

  /// As Device::allocate.
  std::shared_ptr<void> allocate(Where where, std::size_t bytes);

 private:
  std::shared_ptr<void> managed(Where where, std::size_t bytes);

  int device_;
  std::size_t budget_;
  bool concurrent_;
  /// Bytes handed out; outlives this with the last of them. Written and read by whoever allocates and frees; relaxed, a count alone.
  std::shared_ptr<std::atomic<std::size_t>> managed_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace sounder::cuda
