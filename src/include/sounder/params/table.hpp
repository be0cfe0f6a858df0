// Parameters are tables of rows. This file says where each row lies; memory.hpp says in which memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace sounder {

inline constexpr int kMaxTables = 4;
inline constexpr std::size_t kCacheLine = 64;       ///< bytes
inline constexpr std::size_t kPageFloats = 4096 / sizeof(float);
inline constexpr std::size_t kBlockFloats = 64;     ///< the unit of merging: four cache lines

/// A handle of a table: its width in floats and its place among the tables of the model, both constant, so
/// that a row's address is one multiply-add. Width 1 (linear weights) or a multiple of 16.
template <int W, int I>
struct Table {
  static_assert(W == 1 || W % 16 == 0);
  static_assert(I < kMaxTables);
  static constexpr int width = W, index = I;
};

/// A handle of a table whose width, a multiple of 16, is known at run time only: its rows are spans of memory.
template <int I>
struct WideTable {
  static_assert(I < kMaxTables);
  int width;
};

/// Floats from one row to the next: the weights, then `states` rows of rule state of the same width. A row of width 1
/// is padded to a power of two, so that a weight and its state share a cache line.
constexpr std::size_t stride_of(int width, int states) {
  const auto floats = static_cast<std::size_t>(1 + states);
  return width == 1 ? std::bit_ceil(floats) : static_cast<std::size_t>(width) * floats;
}

/// The shape of one table at run time.
struct TableShape {
  std::size_t rows = 0;
  int width = 1;
  int space = -1;  ///< the id space that its rows are numbered by; -1: none (an intercept)
};

/// Where the tables of a model lie in one buffer. Each begins on a page, so that a worker can map the head of
/// a table privately and the rest shared.
class Layout {
 public:
  Layout() = default;
  Layout(std::initializer_list<TableShape> tables, int states = 0) : Layout(std::vector<TableShape>(tables), states) {}
  explicit Layout(std::vector<TableShape> tables, int states = 0);

  /// The same tables with `states` floats of rule state beside each weight.
  Layout with_states(int states) const { return Layout(tables_, states); }

  int states() const { return states_; }
  std::size_t tables() const { return tables_.size(); }
  const TableShape& shape(std::size_t table) const { return tables_[table]; }
  std::size_t offset(std::size_t table) const { return offsets_[table]; }    ///< in floats
  std::size_t stride(std::size_t table) const { return stride_of(tables_[table].width, states_); }
  std::size_t floats() const { return floats_; }                             ///< a whole number of pages

 private:
  std::vector<TableShape> tables_;
  std::vector<std::size_t> offsets_;
  std::size_t floats_ = 0;
  int states_ = 0;
};

/// The base address of each table, as a kernel gets them: `read` and `write` are equal unless gradients are
/// gathered elsewhere. Run-time data on purpose: where memory lies is no template parameter.
struct Cells {
  const float* read[kMaxTables] = {};
  float* write[kMaxTables] = {};
  int states = 0;  ///< floats of rule state beside each weight that is read
};

}  // namespace sounder
