// Work that each rank does for itself, and that succeeds on all of them or on none.
#pragma once

#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include <sounder/mpi/world.hpp>

namespace sounder::mpi {

/// Called by all ranks: throws the same Error on all of them where `error`, what went wrong here, is not empty on any. Where
/// they differ, that of the lowest rank, which is then named.
void agree(World& world, const std::string& error);

/// Runs `work`, which must not talk to other ranks, and throws the same Error on all ranks if it throws on any.
template <class F>
auto together(World& world, F&& work) {
  std::optional<decltype(work())> result;
  std::string error;
  try {
    result = work();
  } catch (const std::bad_alloc&) {
    error = "out of memory; use more ranks, or a machine with more memory";
  } catch (const std::exception& failure) {
    error = failure.what();
    if (error.empty()) error = "an error without a message";
  }
  agree(world, error);
  return std::move(*result);
}

}  // namespace sounder::mpi
