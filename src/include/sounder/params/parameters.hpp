// The parameters of one model: a layout in a memory.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include <sounder/params/memory.hpp>
#include <sounder/params/table.hpp>

namespace sounder {

/// All zero at first. Workers reach the cells through a View only; the accessors here are for the time
/// before and after a round, when no worker runs.
class Parameters {
 public:
  Parameters() = default;
  explicit Parameters(Layout layout, MemoryKind kind = MemoryKind::heap);
  /// In memory of layout.floats() floats.
  Parameters(Layout layout, Memory memory) : layout_(std::move(layout)), memory_(std::move(memory)) {}

  const Layout& layout() const { return layout_; }
  const Memory& memory() const { return memory_; }

  /// The addresses of the tables; with `base`, those of a copy or a window that starts there.
  Cells cells() const { return cells(memory_.data()); }
  Cells cells(float* base) const;

  /// The weights of one row (`width` floats), without its rule state.
  std::span<float> row(std::size_t table, std::size_t row);
  std::span<const float> row(std::size_t table, std::size_t row) const;
  /// The weights and behind them the rule state of one row: all that lies there (Layout::stride floats).
  std::span<float> row_with_state(std::size_t table, std::size_t row);
  std::span<const float> row_with_state(std::size_t table, std::size_t row) const;

 private:
  Layout layout_;
  Memory memory_;
};

}  // namespace sounder
