#include <sounder/params/parameters.hpp>

#include <utility>

namespace sounder {

Parameters::Parameters(Layout layout, MemoryKind kind) : layout_(std::move(layout)), memory_(layout_.floats(), kind) {}

Cells Parameters::cells(float* base) const {
  Cells cells;
  cells.states = layout_.states();
  for (std::size_t i = 0; i < layout_.tables(); ++i) cells.read[i] = cells.write[i] = base + layout_.offset(i);
  return cells;
}

std::span<float> Parameters::row(std::size_t table, std::size_t row) {
  return {memory_.data() + layout_.offset(table) + row * layout_.stride(table),
          static_cast<std::size_t>(layout_.shape(table).width)};
}

std::span<const float> Parameters::row(std::size_t table, std::size_t row) const {
  return const_cast<Parameters*>(this)->row(table, row);
}

std::span<float> Parameters::row_with_state(std::size_t table, std::size_t row) {
  return {memory_.data() + layout_.offset(table) + row * layout_.stride(table), layout_.stride(table)};
}

std::span<const float> Parameters::row_with_state(std::size_t table, std::size_t row) const {
  return const_cast<Parameters*>(this)->row_with_state(table, row);
}

}  // namespace sounder
