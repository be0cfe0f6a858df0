#include "gradients/sum_limit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include <sounder/params/gradient.hpp>

#include "collectives.hpp"
#include "gradients/gradient_rows.hpp"
#include "reduce/deterministic.hpp"

namespace sounder::mpi {
namespace {

constexpr double kMost = 128;        ///< shipped sets converge alike from 64 on; more would trust one measurement further than needed
constexpr std::size_t kSample = 16;  ///< examples of a virtual shard
constexpr int kIterations = 5;

/// The gradient of a sample of all ranks' examples, at any parameters.
class Sample {
 public:
  Sample(const Setting& setting, const RowNumbers& numbers)
      : setting_(setting),
        numbers_(numbers),
        gradient_(setting.kernel),
        shards_(numbers),
        tree_(setting.endpoint, numbers, {.workers = setting.workers, .load = {}}) {
    std::uint64_t own = 0;
    for (std::size_t i = 0; i < leaves(); ++i) own += size(i);
    const std::array<std::uint64_t, 1> count{own};
    examples_ = static_cast<double>(all_sum<std::uint64_t>(setting.endpoint, count)[0]);
  }

  double examples() const { return examples_; }
  /// The rows are the same in all calls.
  RowSums at(const Parameters& parameters) {
    const StepContext context{.cells = parameters.cells()};
    for (std::size_t i = 0; i < leaves(); ++i) {
      const std::size_t begin = setting_.shard_begins[i];
      gradient_.collect(context, setting_.data.examples(), begin, begin + size(i));
      gradient_.close_intercept();
      shards_.add({0, first_leaf(setting_.endpoint.rank()) + static_cast<int>(i)}, take_rows(gradient_, numbers_));
    }
    return tree_.sum(shards_);
  }

 private:
  int first_leaf(int rank) const { return mpi::first_shard_of(rank, setting_.workers); }
  /// Shards of this rank that are in the sum: all; where more ranks train than the tree has leaves, and each has a shard of its own, those of every so many.
  std::size_t leaves() const {
    const std::size_t shards = setting_.shard_begins.empty() ? 0 : setting_.shard_begins.size() - 1;
    const int rank = setting_.endpoint.rank();
    return std::min(shards, static_cast<std::size_t>(first_leaf(rank + 1) - first_leaf(rank)));
  }
  std::size_t size(std::size_t shard) const {
    return std::min(kSample, setting_.shard_begins[shard + 1] - setting_.shard_begins[shard]);
  }

  const Setting& setting_;
  const RowNumbers& numbers_;
  Gradient gradient_;
  ShardTree shards_;
  TreeReducer tree_;
  double examples_ = 0;
};

double length(const std::vector<double>& v) {
  double squares = 0;
  for (const double x : v) squares += x * x;
  return std::sqrt(squares);
}

/// f(table, row, index of its first float) for each row.
template <class F>
void each_row(const RowView& rows, const RowNumbers& numbers, F f) {
  std::size_t at = 0;
  for (std::size_t i = 0, table = 0; i < rows.count; ++i) {
    while (rows.number(i) >= numbers.end(table)) ++table;
    f(table, rows.number(i) - numbers.begin(table), at);
    at += numbers.width(table);
  }
}

}  // namespace

double sum_limit(const Setting& setting, const RowNumbers& numbers, const std::vector<std::vector<double>>& shares, double examples_of_round) {
  Sample sample(setting, numbers);
  Parameters trial(setting.kernel.layout);
  std::copy_n(setting.parameters.memory().data(), trial.memory().floats(), trial.memory().data());
  const RowSums start = sample.at(trial);
  const double rate = setting.options.step_at(0, setting.kernel.default_step);
  if (sample.examples() == 0) return 1;

  /// What a round makes of a sum over the sample, which stands for the round's.
  const auto moved = [&](const std::vector<double>& sums, double limit) {
    std::vector<double> movement(sums.size());
    each_row(start.view(), numbers, [&](std::size_t table, std::uint32_t row, std::size_t at) {
      const double scale = 1 / std::max(1., shares[table][row] * examples_of_round / limit);
      for (std::size_t i = at; i < at + numbers.width(table); ++i) movement[i] = rate * scale * sums[i] * examples_of_round / sample.examples();
    });
    return movement;
  };
  std::vector<double> direction = moved({start.sums.begin(), start.sums.end()}, 1);
  const double reach = length(direction);  // of one step along the mean: where training goes first
  if (!(reach > 0) || !std::isfinite(reach)) return 1;  // nothing to measure along

  /// How much longer a movement becomes when a round answers to it.
  const auto answer = [&](double limit) {
    const double norm = length(direction);
    each_row(start.view(), numbers, [&](std::size_t table, std::uint32_t row, std::size_t at) {
      const std::span<const float> from = setting.parameters.row(table, row);
      const std::span<float> to = trial.row(table, row);
      for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[i] + static_cast<float>(direction[at + i] * reach / norm);
    });
    const RowSums there = sample.at(trial);
    std::vector<double> change(there.sums.size());
    for (std::size_t i = 0; i < change.size(); ++i) change[i] = (static_cast<double>(there.sums[i]) - static_cast<double>(start.sums[i])) / reach;
    direction = moved(change, limit);
    return length(direction);
  };
  for (double limit = kMost; limit > 1; limit /= 2) {
    double growth = 0;
    for (int i = 0; i < kIterations; ++i) {
      growth = answer(limit);
      if (growth == 0) return limit;  // the gradient is the same everywhere, as a hinge's may be
      if (!(growth <= 1)) break;
    }
    if (growth <= 1) return limit;
    if (!std::isfinite(growth)) return 1;
  }
  return 1;
}

}  // namespace sounder::mpi
