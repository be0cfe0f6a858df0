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
