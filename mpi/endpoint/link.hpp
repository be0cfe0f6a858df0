// Traffic with one other rank, and how long it was waited for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// What a rank sends itself does not count.
struct Link {
  std::uint64_t bytes_sent = 0, messages_sent = 0, bytes_received = 0, messages_received = 0;  ///< headers included
  double waited_seconds = 0;  ///< that threads of this rank waited for that one; waits for several are split between them

  /// Returns them.
  std::size_t sent(std::size_t bytes) {
    bytes_sent += bytes;
    ++messages_sent;
    return bytes;
  }
  std::size_t sent(const Frame& frame) { return sent(size_of(frame)); }
  void received(const Frame& frame) { bytes_received += size_of(frame), ++messages_received; }

 private:
  static std::size_t size_of(const Frame& frame) { return sizeof(Header) + frame.payload.size(); }
};

}  // namespace sounder::mpi
