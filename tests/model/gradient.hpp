// Is what a model's step does to the parameters the gradient of what it declares as its objective?
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <sounder/data/random.hpp>
#include <sounder/kernel.hpp>

namespace sounder::test {

/// What check_gradient found.
struct GradientReport {
  double worst = 0;        ///< largest error of a cell, absolute
  double intercept = 0;    ///< the same for the intercept
  double steepest = 0;     ///< largest gradient that was expected, to see that there was something to check
  std::size_t cells = 0;   ///< compared
  std::size_t strays = 0;  ///< cells that moved in rows that the example does not touch
  std::size_t kinks = 0;   ///< not compared: the loss has no derivative there
};

/// Compares, for each example alone, (before - after) / rate of one serial step with the central difference of
///   loss(example) + its share of the penalty,
/// where the share of an example in the penalty of a row is examples / (examples that touch the row). The intercept
/// moves by the mean of its gradients over View::kThinning. All in double, from the same float parameters.
class GradientCheck {
 public:
  /// At weights that may be anything.
  GradientCheck(const Kernel& kernel, const Dataset& data, bool fixed_intercept)
      : GradientCheck(kernel, data, fixed_intercept, Parameters(kernel.layout)) {
    Random random(11);
    for (std::size_t table = 0; table < kernel.layout.tables(); ++table)
      for (std::size_t row = 0; row < kernel.layout.shape(table).rows; ++row)
        for (float& w : at_.row(table, row))  // multiples of the difference, so that w +- h are floats
          w = static_cast<float>(std::round((random.uniform() - 0.5) / kStep) * kStep);
  }
  /// At these weights, multiples of 2^-10.
  GradientCheck(const Kernel& kernel, const Dataset& data, bool fixed_intercept, Parameters at)
      : kernel_(kernel), data_(data), fixed_intercept_(fixed_intercept), at_(std::move(at)) {
    count(0, data.size(), touching_);
  }

  GradientReport operator()(std::size_t examples) {
    GradientReport report;
    for (std::size_t i = 0; i < std::min(examples, data_.size()); ++i) check(i, report);
    return report;
  }

 private:
  static constexpr double kStep = 0x1p-10;
  static constexpr float kRate = 0x1p-12f;
  using Counts = std::vector<std::vector<std::uint32_t>>;

  void count(std::size_t begin, std::size_t end, Counts& counts) const {
    std::vector<std::uint32_t*> pointers;
    counts.clear();
    for (std::size_t table = 0; table < kernel_.layout.tables(); ++table)
      counts.emplace_back(kernel_.layout.shape(table).rows);
    for (auto& table : counts) pointers.push_back(table.data());
    kernel_.count(kernel_.model.get(), data_.examples(), begin, end, pointers.data());
  }

  double loss(std::size_t i) const {
    return kernel_.loss(kernel_.model.get(), at_.cells(), data_.examples(), i, i + 1);
  }

  void check(std::size_t i, GradientReport& report) {
    Parameters after(kernel_.layout);
    for (std::size_t table = 0; table < kernel_.layout.tables(); ++table)
      for (std::size_t row = 0; row < kernel_.layout.shape(table).rows; ++row) {
        const auto from = at_.row(table, row);
        std::copy(from.begin(), from.end(), after.row(table, row).begin());
      }
    kernel_.step_of(AccessKind::relaxed)(kernel_.model.get(), {.cells = after.cells(), .rate = kRate}, data_.examples(),
                                         i, i + 1);

    Counts touched;
    count(i, i + 1, touched);
    for (std::size_t table = 0; table < kernel_.layout.tables(); ++table) {
      const bool intercept = static_cast<int>(table) == kernel_.intercept_table;
      for (std::uint32_t row = 0; row < kernel_.layout.shape(table).rows; ++row)
        for (std::size_t k = 0; k < at_.row(table, row).size(); ++k) {
          float& cell = at_.row(table, row)[k];
          const double moved =
              (static_cast<double>(cell) - static_cast<double>(after.row(table, row)[k])) / static_cast<double>(kRate);
          if (intercept ? fixed_intercept_ : touched[table][row] == 0) {
            report.strays += moved != 0;
            continue;
          }
          const double share = intercept ? 0 : static_cast<double>(data_.size()) / touching_[table][row];
          check_cell(i, cell, moved, share, intercept, report);
        }
    }
  }

  void check_cell(std::size_t i, float& cell, double moved, double share, bool intercept, GradientReport& report) {
    const float here = cell;
    const double middle = loss(i);
    cell = static_cast<float>(static_cast<double>(here) + kStep);
    const double above = loss(i), penalty_above = kernel_.penalty(at_);
    cell = static_cast<float>(static_cast<double>(here) - kStep);
    const double below = loss(i), penalty_below = kernel_.penalty(at_);
    cell = here;
    const double right = (above - middle) / kStep, left = (middle - below) / kStep;
    if (std::abs(right - left) > 0.003) {  // smooth losses bend by less than 3 here; half of it stays in `expected`
      ++report.kinks;
      return;
    }
    double expected = (above - below) / (2 * kStep) + share * (penalty_above - penalty_below) / (2 * kStep);
    if (intercept) expected /= View<Frozen>::kThinning;
    double& worst = intercept ? report.intercept : report.worst;
    worst = std::max(worst, std::abs(moved - expected));
    report.steepest = std::max(report.steepest, std::abs(expected));
    ++report.cells;
  }

  const Kernel& kernel_;
  const Dataset& data_;
  bool fixed_intercept_;
  Parameters at_;
  Counts touching_;
};

/// What the check may be off by: the rounding of a float near 1 over the rate, and the rate's own second order.
inline constexpr double kGradientTolerance = 2e-3;

}  // namespace sounder::test
