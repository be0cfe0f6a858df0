// Sums of gradients of some rows: what ranks add up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sounder/kernel.hpp>
#include <sounder/params/table.hpp>

#include "protocol/buffers.hpp"
#include "protocol/frame.hpp"

namespace sounder::mpi {

/// Numbers the rows of all tables, one table behind the other.
class RowNumbers {
 public:
  /// Throws Error where the rows are more than 32 bits number.
  explicit RowNumbers(const Layout& layout);

  std::uint32_t rows() const { return begins_.back(); }
  std::size_t floats() const { return floats_before(rows()); }  ///< weights of all rows
  std::size_t tables() const { return widths_.size(); }
  std::uint32_t begin(std::size_t table) const { return begins_[table]; }  ///< number of its first row
  std::uint32_t end(std::size_t table) const { return begins_[table + 1]; }
  std::size_t width(std::size_t table) const { return widths_[table]; }
  std::uint32_t of(RowId row) const { return begins_[row.table] + row.row; }
  /// Floats of the rows [0, number).
  std::size_t floats_before(std::uint32_t number) const;

 private:
  std::vector<std::uint32_t> begins_;
  std::vector<std::size_t> widths_;
  std::vector<std::size_t> floats_;  ///< of the tables before each
};

/// Sums of some rows, somewhere in memory. A row that is not among them was touched by nobody; adding leaves it out.
struct RowView {
  std::uint32_t count = 0;
  std::uint32_t first = 0;                  ///< number of the first row
  std::span<const std::uint32_t> numbers;   ///< ascending; empty: first, first + 1, ...
  std::span<const float> sums;              ///< of b * x: as many floats a row as it is wide
  std::span<const float> decays;            ///< of a: one a row; empty: all are 0

  std::uint32_t number(std::size_t i) const { return numbers.empty() ? first + static_cast<std::uint32_t>(i) : numbers[i]; }
  /// Index of the first row whose number is not below.
  std::size_t lower_bound(std::uint32_t number) const;
};

/// The same, in memory of its own.
struct RowSums {
  std::uint32_t count = 0;
  std::uint32_t first = 0;
  std::vector<std::uint32_t> numbers;  ///< empty where they are consecutive
  KeptVector<float> sums;
  KeptVector<float> decays;

  RowView view() const { return {count, first, numbers, sums, decays}; }
};

/// Weights of the rows, by their numbers alone.
std::size_t floats_in(const RowView& rows, const RowNumbers& all);
/// The rows of both: where both have a row, left + right, else the one that is there, untouched.
RowSums add(const RowView& left, const RowView& right, const RowNumbers& all);
/// The rows of `from` with numbers in [begin, end).
RowView part(const RowView& from, std::uint32_t begin, std::uint32_t end, const RowNumbers& all);
/// Numbers that are consecutive need not be told.
void settle(RowSums& rows);

/// Bytes on the way: 16, the numbers unless consecutive, the floats.
std::size_t encoded_size(const RowView& rows);
/// Writes encoded_size() bytes, a multiple of 4.
void encode(const RowView& rows, std::span<std::byte> to);
/// Floats of rows that lie elsewhere.
struct RowFloats {
  std::span<const float> sums, decays;
};
/// Rows of which encode() wrote the numbers alone. Throws Error too where these are not their floats.
RowView decode(std::span<const std::byte>& bytes, const RowNumbers& all, const RowFloats& floats);
/// Looks at rows where they lie, and takes their bytes off the front of `bytes`. Throws Error on bytes that are no such rows.
RowView decode(std::span<const std::byte>& bytes, const RowNumbers& all);

}  // namespace sounder::mpi
