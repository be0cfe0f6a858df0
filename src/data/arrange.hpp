// Private to the data code: examples renumbered and put in another order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <sounder/data/columns.hpp>
#include <sounder/data/numbering.hpp>

namespace sounder {

/// Where the entries of example i begin.
inline std::uint64_t begin_of(const Columns& columns, std::size_t i) {
  return columns.offsets.empty() ? i * columns.width : columns.offsets[i];
}

/// The id that every example has in `space` (examples of several id spaces).
std::vector<std::uint32_t> ids_of_space(const Columns& columns, std::uint32_t space);

/// Takes the entries out whose id has no row (examples of one id space).
void drop_unknown(Columns& columns, const Numbering& numbering);

/// The examples in `order` (empty: as they are) with rows for ids, ascending within an example of one id space.
/// An id without a row becomes row size(): only ratings may hold one.
Columns arrange(const Columns& columns, std::span<const Numbering> numberings, std::span<const std::uint32_t> order);

}  // namespace sounder
