// How a frame becomes messages of the MPI library: what the sending and the receiving side agree on.
#pragma once

#include <algorithm>
#include <cstddef>

namespace sounder::mpi {

/// Payloads up to this travel behind their header in one message, which costs a copy on the sending side. Behind the header of a longer one is where it lies in
/// shared memory, or nothing: then it follows in messages of its own.
inline constexpr std::size_t kSmall = 16 << 10;
/// The library counts in int: longer payloads are several messages.
inline constexpr std::size_t kPart = std::size_t{1} << 30;

/// To another machine they are several messages much earlier. A message that is longer than what the library sends unasked (Open MPI over TCP:
/// 64 KiB with its own header) waits for an answer first, and that waits behind whatever its sender has put on its link: on a ring, where all links
/// are busy, a link then stands idle half of the time. Measured on four nodes, links of 200 Mbit/s: a sum of 4 MiB 381 ms, against 538 ms.
inline constexpr std::size_t kUnasked = 60 << 10;
/// But not more than so many: requests cost something each time that they are tested, and many are asked for at once anyway.
inline constexpr std::size_t kMostParts = 1024;

constexpr std::size_t part_size(std::size_t bytes, bool far) {
  return far ? std::clamp((bytes + kMostParts - 1) / kMostParts, kUnasked, kPart) : kPart;
}

/// The payload follows its header in messages of its own. Calls message(begin, size) for each. `far`: between machines.
///
/// The receiver posts a receive for each when it gets the header. Both sides go through the payloads of a channel in order, and so
/// does the library: its channel is enough to find the right one.
template <class F>
void for_each_part(std::size_t bytes, bool far, F message) {
  const std::size_t part = part_size(bytes, far);
  for (std::size_t begin = 0; begin < bytes; begin += part) message(begin, static_cast<int>(std::min(part, bytes - begin)));
}

}  // namespace sounder::mpi
