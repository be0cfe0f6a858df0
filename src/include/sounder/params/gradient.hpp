// A sum of gradients at frozen parameters, to be applied later: what mini-batches are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sounder/kernel.hpp>

namespace sounder {

/// A gradient on its way: its rows, and one behind the other what Gradient holds of each.
struct PendingGradient {
  std::vector<RowId> rows;
  std::vector<float> sums;
};

/// The sum of the gradients of one row, wherever it lies: what a rule steps on.
struct RowGradient {
  RowId row;
  const float* sum;  ///< of b * x: as many floats as the row is wide
  float decay = 0;   ///< sum of a, the same for all weights of the row
  float scale = 1;   ///< of both
};

/// Steps the rule once in each of `rows`: next(old, a, b * x) of the scaled sums, then projects. The rows are different
/// ones. The same bits whoever calls it, on parts of whatever size.
void step_rows(const Kernel& kernel, const StepContext& context, std::span<const RowGradient> rows);

/// Puts a row of the parameters back into the set that its model wants it in, cell by cell as all shared cells.
void project_row(const Kernel& kernel, std::uint32_t table, float* row);

/// The gradient of some examples, on the rows that they touch. Belongs to one worker. As large as twice the weights,
/// whatever the rule.
class alignas(kCacheLine) Gradient {
 public:
  /// Throws Error for a model without touches(): nobody knows its rows.
  explicit Gradient(const Kernel& kernel);

  /// Adds the gradients of examples [begin, end) at the parameters that `context.cells` reads.
  void collect(const StepContext& context, const Examples& examples, std::size_t begin, std::size_t end);

  /// The rows touched since the last clear, each once, in order of their first touch. The intercept is thinned as in a
  /// step: it is among them once 16 examples or more have been collected since it last was, or after close_intercept().
  std::span<const RowId> rows() const { return rows_; }
  /// What is held of a row: the sums of b * x, and behind them that of a, in as many floats.
  std::span<const float> sums(RowId row) const { return sums_.row_with_state(row.table, row.row); }

  /// Steps the rule once in each of `rows`: next(old, a, b * x) of the sums, times `scale[table][row]` where given.
  void apply(const StepContext& context, std::span<const RowId> rows, const std::vector<std::vector<float>>* scale) const;
  /// Forgets what rows() holds; costs as much as there are rows.
  void clear();
  /// Moves all to `pending`, over what it held; costs as clear().
  void take(PendingGradient& pending);
  /// Puts back what take() gave. Nothing may have been collected since.
  void put(const PendingGradient& pending);
  /// Puts the intercept among the rows, however few examples were collected.
  void close_intercept();

 private:
  void mark(RowId row);

  const Kernel* kernel_;
  Parameters sums_;
  std::vector<std::vector<std::uint8_t>> marked_;
  std::vector<RowId> rows_, touched_;
  std::size_t thinned_ = 0;  ///< examples since the intercept was last among the rows
};

}  // namespace sounder
