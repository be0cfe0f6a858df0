// All that a model sees of the parameters: read, dot, descend.
#pragma once

#include <type_traits>

#include <sounder/data/example.hpp>
#include <sounder/params/row.hpp>
#include <sounder/params/table.hpp>

namespace sounder {

/// A gradient part a * w whose a differs from row to row: `scale * per_row[row]`. With scale 0 it costs nothing.
/// This is the sparse-safe L2 of Niu et al. 2011: l2 * (examples / frequency of the row).
struct RowFactor {
  float scale = 0;
  const float* per_row = nullptr;
};

/// A model's window on the parameters.
///
/// Every gradient has the form a * w + b * x, so there is one write primitive, `descend`; the access applies
/// the rule, the rate and the memory discipline. For a model's author: scalars are the same in every lane;
/// work on single elements happens only inside view functions and Row operations.
///
/// `kIntercept` is the width of the model's intercept row, 1 for a single cell.
template <class Access, class Lanes = ThreadLanes, int kIntercept = 1>
class View {
 public:
  template <int W>
  using Row = sounder::Row<W, Lanes>;
  using Scalar = typename Access::Scalar;  ///< float in training, double in evaluation
  using F = typename Lanes::F;
  /// What a sum over rows of a wide table is held in.
  template <int W>
  using Sums = std::conditional_t<std::is_same_v<Scalar, double>, DoubleRow<W>, Row<W>>;
  /// The intercept: a float, or a row where the model has one a class or a unit.
  using Intercept = std::conditional_t<kIntercept == 1, float, Row<kIntercept>>;

  View(const Access& access, const Cells& cells) : access_(access), cells_(cells), narrow_(stride_of(1, cells.states)) {}

  // --- tables of width 1: weights of features ---------------------------------------------------------------

  /// sum over the example's entries of w[id] * value
  template <int I>
  SOUNDER_INLINE Scalar dot(Table<1, I>, const Example& x) const {
    const float* w = cells_.read[I];
    if (!x.ids) return dot_dense(w, x);
    Scalar a = 0, b = 0, c = 0, d = 0;  // four chains hide the latency of the adds
    const std::uint32_t* id = x.ids;
    const float* v = x.values;
    const std::uint32_t n = x.size;
    std::uint32_t j = 0;
    if (v) {
      for (; j + 4 <= n; j += 4) {
        a += cell(w, id[j]) * v[j];
        b += cell(w, id[j + 1]) * v[j + 1];
        c += cell(w, id[j + 2]) * v[j + 2];
        d += cell(w, id[j + 3]) * v[j + 3];
      }
      for (; j < n; ++j) a += cell(w, id[j]) * v[j];
    } else {
      for (; j + 4 <= n; j += 4) {
        a += cell(w, id[j]);
        b += cell(w, id[j + 1]);
        c += cell(w, id[j + 2]);
        d += cell(w, id[j + 3]);
      }
      for (; j < n; ++j) a += cell(w, id[j]);
    }
    return (a + b) + (c + d);
  }

  /// Descends along the gradient a_row * w + b * value in every row of the example.
  template <int I>
  SOUNDER_INLINE void descend(Table<1, I> table, const Example& x, RowFactor a, float b) {
    float* w = cells_.write[I];
    if (a.scale != 0)
      each(x, [&](std::uint32_t row, float value) { move(w, row, read(table, row), a.scale * a.per_row[row], b, value); });
    else if (!x.ids)
      descend_dense(cells_.read[I], w, x, b);
    else
      each(x, [&](std::uint32_t row, float value) { move(w, row, read(table, row), 0.f, b, value); });
  }

  template <int I>
  SOUNDER_INLINE float read(Table<1, I>, std::uint32_t row) const {
    return access_.template get<float>(cells_.read[I] + row * narrow());
  }
  /// Descends along a * old + b * x in one row, `old` being what was read.
  template <int I>
  SOUNDER_INLINE void descend(Table<1, I>, std::uint32_t row, float old, float a, float b, float x = 1.f) {
    move(cells_.write[I], row, old, a, b, x);
  }

  // --- wide tables: rows of factors or units ----------------------------------------------------------------

  template <int W, int I>
  SOUNDER_INLINE Row<W> read(Table<W, I>, std::uint32_t row) const {
    const float* p = address(cells_.read[I], row, wide<W>());
    Row<W> result;
    SOUNDER_UNROLL for (int i = 0; i < Row<W>::kStrips; ++i) result.strip[i] = access_.template get<F>(p + i * Lanes::kStrip);
    return result;
  }
  /// Descends along a * old + b * x in one row.
  template <int W, int I>
  SOUNDER_INLINE void descend(Table<W, I>, std::uint32_t row, const Row<W>& old, float a, float b, const Row<W>& x) {
    float* p = address(cells_.write[I], row, stride_of(W, Access::kStates));
    SOUNDER_UNROLL for (int i = 0; i < Row<W>::kStrips; ++i)
        access_.template move<F>(p + i * Lanes::kStrip, W, old.strip[i], a, b, x.strip[i]);
  }
  /// sum over the example's entries of row(id) * value
  template <int W, int I>
  SOUNDER_INLINE Sums<W> dot(Table<W, I> table, const Example& x) const {
    Sums<W> sums{};
    each(x, [&](std::uint32_t row, float value) { sums.fma(value, read(table, row)); });
    return sums;
  }
  /// Descends along the gradient a_row * w + value * b in every row of the example.
  template <int W, int I>
  SOUNDER_INLINE void descend(Table<W, I> table, const Example& x, RowFactor a, const Row<W>& b) {
    if (a.scale != 0)
      each(x, [&](std::uint32_t row, float value) { descend(table, row, read(table, row), a.scale * a.per_row[row], value, b); });
    else
      each(x, [&](std::uint32_t row, float value) { descend(table, row, read(table, row), 0.f, value, b); });
  }
  /// Asks for a row's cache lines ahead of use.
  template <int W, int I>
  SOUNDER_INLINE void prefetch(Table<W, I>, std::uint32_t row) const {
    const float* p = cells_.read[I] + row * wide<W>();
    SOUNDER_UNROLL for (int i = 0; i < W * (1 + Access::kStates); i += 16) __builtin_prefetch(p + i, 1, 3);
  }
  /// The dot product of two private rows, in the precision of this view.
  template <int W>
  SOUNDER_INLINE Scalar dot(const Row<W>& a, const Row<W>& b) const {
    if constexpr (std::is_same_v<Scalar, double>)
      return dot_double(a, b);
    else
      return sounder::dot(a, b);
  }

  // --- tables of a width known at run time: rows as arrays of `width` floats --------------------------------

  template <int I>
  SOUNDER_INLINE void read(WideTable<I> table, std::uint32_t row, float* to) const {
    const float* p = cells_.read[I] + row * stride_of(table.width, kInPlace ? Access::kStates : cells_.states);
    for (int i = 0; i < table.width; i += Lanes::kStrip) Lanes::store(to + i, access_.template get<F>(p + i));
  }
  /// Descends along a * old + b * x in one row.
  template <int I>
  SOUNDER_INLINE void descend(WideTable<I> table, std::uint32_t row, const float* old, float a, float b, const float* x) {
    float* p = cells_.write[I] + row * stride_of(table.width, Access::kStates);
    for (int i = 0; i < table.width; i += Lanes::kStrip)
      access_.template move<F>(p + i, static_cast<std::size_t>(table.width), Lanes::load(old + i), a, b, Lanes::load(x + i));
  }

  // --- projections: a change that is no gradient, past the rule and the rate ----------------------------------

  template <int I>
  SOUNDER_INLINE void add(Table<1, I>, std::uint32_t row, float change) {
    access_.template add<float>(cells_.write[I] + row * kWritten, change);
  }
  template <int I>
  SOUNDER_INLINE void add(WideTable<I> table, std::uint32_t row, const float* change) {
    float* p = cells_.write[I] + row * stride_of(table.width, Access::kStates);
    for (int i = 0; i < table.width; i += Lanes::kStrip) access_.template add<F>(p + i, Lanes::load(change + i));
  }

  // --- the intercept: what every example needs -------------------------------------------------------------

  /// The intercept as read at the last `open_intercept`: at most kThinning examples old.
  SOUNDER_INLINE const Intercept& intercept() const { return intercept_; }
  /// Notes that the gradient of the intercept is `b` in this example.
  SOUNDER_INLINE void descend_intercept(const Intercept& b) { intercept_gradient_ = intercept_gradient_ + b; }

  /// Called by the kernel around every kThinning examples, so that the intercept is no hot shared cell: the
  /// worker reads it once, gathers the gradients privately and applies their mean over kThinning once
  /// (Niu et al. 2011, section 8, advise thinning it).
  static constexpr int kThinning = 16;
  template <int I>
  SOUNDER_INLINE void open_intercept(Table<kIntercept, I> table) {
    intercept_ = read(table, 0);
    intercept_gradient_ = {};
  }
  template <int I>
  SOUNDER_INLINE void close_intercept(Table<kIntercept, I> table) {
    const Access penalized = access_;
    if constexpr (requires { access_.rule.l1; }) access_.rule.l1 = 0;  // no penalty holds for an intercept
    if constexpr (kIntercept > 1)
      descend(table, 0, read(table, 0), 0.f, 1.f / kThinning, intercept_gradient_);
    else if (intercept_gradient_ != 0)
      descend(table, 0, read(table, 0), 0.f, intercept_gradient_ / kThinning);
    access_ = penalized;
  }

  // --- any table --------------------------------------------------------------------------------------------

  /// f(id, value) for every entry of the example
  template <class F2>
  SOUNDER_INLINE void each(const Example& x, F2 f) const {
    if (x.ids && x.values)
      for (std::uint32_t j = 0; j < x.size; ++j) f(x.ids[j], x.values[j]);
    else if (x.ids)
      for (std::uint32_t j = 0; j < x.size; ++j) f(x.ids[j], 1.f);
    else
      for (std::uint32_t j = 0; j < x.size; ++j) f(j, x.values[j]);
  }

  const Access& access() const { return access_; }

 private:
  // An access with a rule writes where it reads, so the stride is a constant. The others read parameters of any rule.
  static constexpr bool kInPlace = requires { typename Access::Rule; };
  static constexpr std::size_t kWritten = stride_of(1, Access::kStates);

  SOUNDER_INLINE std::size_t narrow() const {
    if constexpr (kInPlace)
      return kWritten;
    else
      return narrow_;
  }
  template <int W>
  SOUNDER_INLINE std::size_t wide() const {
    return stride_of(W, kInPlace ? Access::kStates : cells_.states);
  }

  SOUNDER_INLINE Scalar cell(const float* w, std::uint32_t row) const {
    return static_cast<Scalar>(access_.template get<float>(w + row * narrow()));
  }
  SOUNDER_INLINE void move(float* w, std::uint32_t row, float old, float a, float b, float x) {
    access_.template move<float>(w + row * kWritten, 1, old, a, b, x);
  }
  template <class P>
  static SOUNDER_INLINE P* address(P* base, std::uint32_t row, std::size_t stride) {
    P* p = base + row * stride;
    asm("" : "+r"(p));  // keeps one register a row: g++ otherwise spills an address a strip (41 -> 50 M ratings/s at 128)
    return p;
  }

  SOUNDER_INLINE Scalar dot_dense(const float* w, const Example& x) const {
    Scalar sum = 0;
    std::uint32_t j = 0;
    if (std::is_same_v<Scalar, float> && narrow() == 1) {
      constexpr std::uint32_t kStrip = Lanes::kStrip;
      F a{}, b{};
      for (; j + 2 * kStrip <= x.size; j += 2 * kStrip) {
        a += access_.template get<F>(w + j) * values(x, j);
        b += access_.template get<F>(w + j + kStrip) * values(x, j + kStrip);
      }
      for (; j + kStrip <= x.size; j += kStrip) a += access_.template get<F>(w + j) * values(x, j);
      sum = Lanes::sum(a + b);
    }
    for (; j < x.size; ++j) sum += cell(w, j) * x.values[j];
    return sum;
  }
  SOUNDER_INLINE void descend_dense(const float* read, float* w, const Example& x, float b) {
    std::uint32_t j = 0;
    if constexpr (kInPlace && kWritten == 1) {
      constexpr std::uint32_t kStrip = Lanes::kStrip;
      for (; j + kStrip <= x.size; j += kStrip)
        access_.template move<F>(w + j, 1, access_.template get<F>(w + j), 0.f, b, values(x, j));
    }
    for (; j < x.size; ++j) move(w, j, access_.template get<float>(read + j * narrow()), 0.f, b, x.values[j]);
  }
  static SOUNDER_INLINE F values(const Example& x, std::uint32_t j) {
    return *reinterpret_cast<const typename Lanes::Unaligned*>(x.values + j);
  }

  Access access_;
  Cells cells_;
  std::size_t narrow_;  ///< stride of the tables of width 1 that are read
  Intercept intercept_{}, intercept_gradient_{};
};

}  // namespace sounder
