// How a frame becomes messages of the MPI library: what the sending and the receiving side agree on.
#pragma once

#include <algorithm>
#include <cstddef>

namespace sounder::mpi {

/// Payloads up to this travel behind their header in one message, which costs a copy on the sending side.
inline constexpr std::size_t kSmall = 16 << 10;
/// The library counts in int: longer payloads are several messages.
inline constexpr std::size_t kPart = std::size_t{1} << 30;

/// The payload follows its header in messages of its own. Calls message(begin, size) for each.
///
/// The receiver posts a receive for each when it gets the header. Both sides go through the payloads of a channel in order, and so
/// does the library: its channel is enough to find the right one.
template <class F>
void for_each_part(std::size_t bytes, F message) {
  for (std::size_t begin = 0; begin < bytes; begin += kPart) message(begin, static_cast<int>(std::min(kPart, bytes - begin)));
}

}  // namespace sounder::mpi
