#include "protocol/buffers.hpp"

#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace sounder::mpi {
namespace {

class Kept {
 public:
  /// A buffer of `bytes` or up to a half more, and how many it has; null: there is none.
  std::pair<std::byte*, std::size_t> take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = buffers_.lower_bound(bytes);
    if (found == buffers_.end() || found->first > bytes + bytes / 2) return {nullptr, 0};
    const auto [size, buffer] = *found;
    buffers_.erase(found);
    total_ -= size;
    return {buffer, size};
  }
  /// Where there is no room, the largest of the others go: sizes change from run to run.
  void put(std::byte* buffer, std::size_t bytes) {
    std::vector<std::unique_ptr<std::byte[]>> dropped;  // freed without the mutex
    const std::lock_guard lock(mutex_);
    if (bytes > kMostKept) return static_cast<void>(dropped.emplace_back(buffer));
    while (total_ + bytes > kMostKept) {
      const auto largest = std::prev(buffers_.end());
      total_ -= largest->first;
      dropped.emplace_back(largest->second);
      buffers_.erase(largest);
    }
    buffers_.emplace(bytes, buffer);
    total_ += bytes;
  }
  std::size_t total() {
    const std::lock_guard lock(mutex_);
    return total_;
  }

 private:
  std::mutex mutex_;
  std::multimap<std::size_t, std::byte*> buffers_;  // by bytes; guarded by mutex_
  std::size_t total_ = 0;                           // guarded by mutex_
};

/// Never destroyed: payloads may outlive every other static.
Kept& kept() {
  static Kept& all = *new Kept;
  return all;
}

}  // namespace

std::pair<std::byte*, std::size_t> take_memory(std::size_t bytes) {
  if (bytes >= kLeastKept)
    if (const auto found = kept().take(bytes); found.first) return found;
  return {new std::byte[bytes], bytes};
}

void give_memory(std::byte* memory, std::size_t bytes) {
  if (bytes >= kLeastKept)
    kept().put(memory, bytes);
  else
    delete[] memory;
}

std::shared_ptr<std::byte[]> make_buffer(std::size_t bytes) {
  if (bytes < kLeastKept) return std::shared_ptr<std::byte[]>(new std::byte[bytes]);
  const auto [memory, size] = take_memory(bytes);
  return {memory, [size = size](std::byte* done) { give_memory(done, size); }};
}

std::size_t kept_buffer_bytes() { return kept().total(); }

}  // namespace sounder::mpi
