// The window on the parameters that a model is given where a group of lanes computes its step together.
#pragma once

#include <type_traits>

#include <sounder/data/example.hpp>
#include <sounder/params/row.hpp>
#include <sounder/params/table.hpp>
#include <sounder/params/view.hpp>

namespace sounder::cuda {

/// What sounder::View is to a CPU thread, for the same steps. Sgd only: rows hold weights and nothing else.
///
/// Access touches memory: get<F>(cells), get(cell), and move(cells, old, a, b, x), one step of the rule on what this lane holds of a
/// strip; those of one cell are called by one lane of the group. Rows are of Access::Cell; tables of one cell a row are always floats.
template <class Access, class Lanes, int kIntercept = 1>
class GroupView {
 public:
  template <int W>
  using Row = sounder::Row<W, Lanes>;
  template <int W>
  using Sums = Row<W>;
  using Scalar = float;
  using F = typename Lanes::F;
  using Cell = typename Access::Cell;
  using Intercept = std::conditional_t<kIntercept == 1, float, Row<kIntercept>>;

  SOUNDER_INLINE GroupView(const Access& access, const Cells& cells) : access_(access), cells_(cells) {}

  // --- tables of width 1: the lanes share out the entries of an example -------------------------------------

  template <int I>
  SOUNDER_INLINE float dot(Table<1, I>, const Example& x) const {
    const float* w = cells_.read[I];
    return Lanes::sum_over(x.size, [&](std::uint32_t j) { return access_.get(w + id(x, j)) * value(x, j); });
  }
  template <int I>
  SOUNDER_INLINE void descend(Table<1, I>, const Example& x, RowFactor a, float b) {
    float* w = cells_.write[I];
    if (a.scale == 0.f)
      Lanes::each(x.size, [&](std::uint32_t j) { access_.move_one(w + id(x, j), b, value(x, j)); });
    else
      Lanes::each(x.size, [&](std::uint32_t j) {
        const std::uint32_t row = id(x, j);
        access_.move_one(w + row, a.scale * Lanes::constant(a.per_row + row), b, value(x, j));
      });
  }

  // --- wide tables: the lanes share out a row ---------------------------------------------------------------

  template <int W, int I>
  SOUNDER_INLINE Row<W> read(Table<W, I>, std::uint32_t row) const {
    const Cell* p = row_of<W>(cells_.read[I], row);
    Row<W> result;
    SOUNDER_UNROLL for (int i = 0; i < Row<W>::kStrips; ++i) result.strip[i] = access_.template get<F>(p + i * Lanes::kStrip);
    return result;
  }
  template <int W, int I>
  SOUNDER_INLINE void descend(Table<W, I>, std::uint32_t row, const Row<W>& old, float a, float b, const Row<W>& x) {
    Cell* p = row_of<W>(cells_.write[I], row);
    SOUNDER_UNROLL for (int i = 0; i < Row<W>::kStrips; ++i)
        access_.move(p + i * Lanes::kStrip, old.strip[i], a, b, x.strip[i]);
  }
  /// Asks for a row ahead of use.
  template <int W, int I>
  SOUNDER_INLINE void prefetch(Table<W, I>, std::uint32_t row) const {
    const Cell* p = row_of<W>(cells_.read[I], row);
    SOUNDER_UNROLL for (int i = 0; i < Row<W>::kStrips; ++i) access_.prefetch(p + i * Lanes::kStrip);
  }
  template <int W, int I>
  SOUNDER_INLINE Row<W> dot(Table<W, I> table, const Example& x) const {
    Row<W> sums = Row<W>::zero();
    each(x, [&](std::uint32_t row, float value) { sums.fma(value, read(table, row)); });
    return sums;
  }
  template <int W, int I>
  SOUNDER_INLINE void descend(Table<W, I> table, const Example& x, RowFactor a, const Row<W>& b) {
    each(x, [&](std::uint32_t row, float value) {
      descend(table, row, read(table, row), a.scale == 0.f ? 0.f : a.scale * Lanes::constant(a.per_row + row), value, b);
    });
  }
  template <int W>
  SOUNDER_INLINE float dot(const Row<W>& a, const Row<W>& b) const {
    return sounder::dot(a, b);
  }
  /// f(id, value) for every entry of the example, by all lanes together.
  template <class Function>
  SOUNDER_INLINE void each(const Example& x, Function f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(id(x, j), value(x, j));
  }

  // --- the intercept: see sounder::View -----------------------------------------------------------------------

  SOUNDER_INLINE const Intercept& intercept() const { return intercept_; }
  SOUNDER_INLINE void descend_intercept(const Intercept& b) { gradient_ = gradient_ + b; }

  static constexpr int kThinning = 16;
  template <int I>
  SOUNDER_INLINE void open_intercept(Table<kIntercept, I> table) {
    if constexpr (kIntercept > 1) {
      intercept_ = read(table, 0);
      gradient_ = Intercept::zero();
    } else {
      intercept_ = access_.get(cells_.read[I]);
      gradient_ = 0;
    }
  }
  /// Always adds, whatever the form of the other updates: all groups write this row.
  template <int I>
  SOUNDER_INLINE void close_intercept(Table<kIntercept, I>) {
    if constexpr (kIntercept > 1) {
      Cell* p = row_of<kIntercept>(cells_.write[I], 0);
      SOUNDER_UNROLL for (int i = 0; i < Intercept::kStrips; ++i) access_.add(p + i * Lanes::kStrip, (-access_.rate / kThinning) * gradient_.strip[i]);
    } else if (gradient_ != 0 && Lanes::first()) {
      access_.add_one(cells_.write[I], -access_.rate / kThinning * gradient_);
    }
  }

 private:
  /// This lane's part of a row.
  template <int W>
  static SOUNDER_INLINE const Cell* row_of(const float* table, std::uint32_t row) {
    return reinterpret_cast<const Cell*>(table) + static_cast<std::size_t>(row) * W + Lanes::offset();
  }
  template <int W>
  static SOUNDER_INLINE Cell* row_of(float* table, std::uint32_t row) {
    return reinterpret_cast<Cell*>(table) + static_cast<std::size_t>(row) * W + Lanes::offset();
  }
  static SOUNDER_INLINE std::uint32_t id(const Example& x, std::uint32_t j) { return x.ids ? Lanes::constant(x.ids + j) : j; }
  static SOUNDER_INLINE float value(const Example& x, std::uint32_t j) { return x.values ? Lanes::constant(x.values + j) : 1.f; }

  Access access_;
  Cells cells_;
  Intercept intercept_{}, gradient_{};
};

}  // namespace sounder::cuda
