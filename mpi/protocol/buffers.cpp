#include "protocol/buffers.hpp"

#include <map>
#include <mutex>
#include <utility>

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
  void put(std::byte* buffer, std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (total_ + bytes <= kMostKept) {
        buffers_.emplace(bytes, buffer);
        total_ += bytes;
        return;
      }
    }
    delete[] buffer;
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

std::shared_ptr<std::byte[]> make_buffer(std::size_t bytes) {
  if (bytes < kLeastKept) return std::shared_ptr<std::byte[]>(new std::byte[bytes]);
  auto [buffer, size] = kept().take(bytes);
  if (!buffer) {
    buffer = new std::byte[bytes];
    size = bytes;
  }
  return {buffer, [size = size](std::byte* done) { kept().put(done, size); }};
}

std::size_t kept_buffer_bytes() { return kept().total(); }

}  // namespace sounder::mpi
