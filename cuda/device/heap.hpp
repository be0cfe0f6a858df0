// The memory of an emulated device: what was handed out of it, and whether an address is its own.
#pragma once

#include <cstddef>
#include <iterator>
#include <map>
#include <mutex>

#include <sounder/error.hpp>

namespace sounder::cuda {

/// Outlives its device with the last of what was handed out. Any thread may call.
class Heap {
 public:
  explicit Heap(std::size_t bytes) : bytes_(bytes) {}

  /// False: so much is not left.
  bool take(const void* begin, std::size_t bytes) {
    const std::lock_guard lock(door_);
    if (used_ + bytes > bytes_) return false;
    used_ += bytes;
    blocks_[static_cast<const std::byte*>(begin)] = bytes;
    return true;
  }
  void give_back(const void* begin) {
    const std::lock_guard lock(door_);
    const auto block = blocks_.find(static_cast<const std::byte*>(begin));
    used_ -= block->second;
    blocks_.erase(block);
  }
  /// Throws Error if any of these bytes is not handed out: a real device would use what is another's there, or nothing.
  void check(const void* begin, std::size_t bytes) const {
    if (bytes == 0) return;
    const std::lock_guard lock(door_);
    const auto* const at = static_cast<const std::byte*>(begin);
    const auto next = blocks_.upper_bound(at);
    if (next == blocks_.begin() || at + bytes > std::prev(next)->first + std::prev(next)->second)
      throw Error("the emulated device was told to use memory that is not its own, which is a mistake of Sounder");
  }

 private:
  const std::size_t bytes_;
  mutable std::mutex door_;  ///< guards the rest
  std::size_t used_ = 0;
  std::map<const std::byte*, std::size_t> blocks_;  ///< handed out, and how long they are
};

}  // namespace sounder::cuda
