// Memory of payloads.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace sounder::mpi {

/// Memory of at least so many bytes, and of how many: it is given back as so many, or what is kept would be more than is counted.
std::pair<std::byte*, std::size_t> take_memory(std::size_t bytes);
void give_memory(std::byte* memory, std::size_t bytes);

/// So many bytes, not zeroed, aligned for any type up to 16 bytes. Large ones are kept when they are let go (by any thread), for the
/// next that needs about as many: rounds send the same sizes again and again, and memory that is new to the process costs a page
/// fault every 4 KiB, as much as to copy what it is filled with.
std::shared_ptr<std::byte[]> make_buffer(std::size_t bytes);

/// The same for vectors. How many bytes there are stands before them.
template <class T>
struct KeptAllocator {
  static constexpr std::size_t kBefore = 16;
  static_assert(alignof(T) <= kBefore);
  using value_type = T;
  KeptAllocator() = default;
  template <class U>
  KeptAllocator(const KeptAllocator<U>&) {}
  T* allocate(std::size_t count) {
    const auto [memory, bytes] = take_memory(kBefore + count * sizeof(T));
    std::memcpy(memory, &bytes, sizeof bytes);
    return reinterpret_cast<T*>(memory + kBefore);
  }
  void deallocate(T* values, std::size_t) {
    std::byte* const memory = reinterpret_cast<std::byte*>(values) - kBefore;
    std::size_t bytes = 0;
    std::memcpy(&bytes, memory, sizeof bytes);
    give_memory(memory, bytes);
  }
  friend bool operator==(const KeptAllocator&, const KeptAllocator&) { return true; }
};
template <class T>
using KeptVector = std::vector<T, KeptAllocator<T>>;

/// What is kept now, in bytes: at most kMostKept.
std::size_t kept_buffer_bytes();
inline constexpr std::size_t kMostKept = std::size_t{256} << 20;
inline constexpr std::size_t kLeastKept = std::size_t{128} << 10;  ///< of one; smaller ones malloc keeps by itself

}  // namespace sounder::mpi
