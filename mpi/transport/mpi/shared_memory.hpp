// Memory that the ranks of one machine share: a sender copies a payload into it once, and the receiver reads it there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <mpi.h>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// Open MPI without single copy (in a container, where the kernel forbids it) copies a payload twice, in pieces of 32
/// KiB, and a sum then reads it a third time. Here what is sent is copied once, and added up from where it lies.
///
/// A rank's memory is an anonymous file, which the kernel frees with its last process, cut into slots. It hands out the
/// first that fit, so that those in use stay in the caches. Of the communication thread alone, but for payloads, which
/// any thread may let go.
class SharedMemory {
 public:
  /// By all ranks of the communicator at once. Ranks that cannot open each other's memory do without; so do all where
  /// SOUNDER_SHARED_MEMORY=off.
  SharedMemory(MPI_Comm communicator, const std::vector<bool>& far);

  /// So many bytes, to be filled with what is put() for that rank. Null: it does not see this memory, or there is no
  /// room now.
  std::shared_ptr<std::byte[]> take(int rank, std::size_t bytes);
  /// Where that rank may read the bytes: where they are, if take() gave them, or a copy. Nothing: as take().
  std::optional<std::uint64_t> put(int rank, std::span<const std::byte> bytes);
  /// What `rank` has put at that place for this one: its slots are free again when the payload is let go.
  Payload at(int rank, std::uint64_t place, std::size_t bytes) const;
  /// Whether that rank reads what is put here.
  bool reaches(int rank) const { return seen_by_[static_cast<std::size_t>(rank)] != 0; }

  static constexpr std::size_t kSlot = std::size_t{64} << 10;
  static constexpr std::size_t kSlots = 512;  ///< 32 MiB, of which only what was in use at one time takes memory
  /// Larger payloads are the library's: it copies both ways at once.
  static constexpr std::size_t kLargest = std::size_t{1} << 20;

 private:
  class Mapping;
  struct Release;
  std::optional<std::size_t> find(int rank, std::size_t bytes);

  const std::size_t own_;
  std::vector<std::shared_ptr<Mapping>> mappings_;  ///< by rank; null: not seen
  std::vector<char> seen_by_;                       ///< by rank
  std::vector<std::uint32_t> lengths_;              ///< of what begins at a slot of the own memory, in slots; 0: free
};

}  // namespace sounder::mpi
