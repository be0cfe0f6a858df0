// Memory of payloads.
#pragma once

#include <cstddef>
#include <memory>

namespace sounder::mpi {

/// So many bytes, not zeroed, aligned for any type up to 16 bytes. Large ones are kept when they are let go (by any thread), for the
/// next that needs about as many: rounds send the same sizes again and again, and memory that is new to the process costs a page
/// fault every 4 KiB, as much as to copy what it is filled with.
std::shared_ptr<std::byte[]> make_buffer(std::size_t bytes);

/// What is kept now, in bytes: at most kMostKept.
std::size_t kept_buffer_bytes();
inline constexpr std::size_t kMostKept = std::size_t{256} << 20;
inline constexpr std::size_t kLeastKept = std::size_t{128} << 10;  ///< of one; smaller ones malloc keeps by itself

}  // namespace sounder::mpi
