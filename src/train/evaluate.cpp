#include <sounder/train/evaluate.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

namespace sounder {
namespace {

constexpr std::size_t kBlock = 1024;  ///< examples; fixed, so that sums are the same for any team

/// f(block, begin, end) for every block, by whichever worker is free.
template <class F>
void for_blocks(std::size_t examples, Team& team, F f) {
  const std::size_t blocks = (examples + kBlock - 1) / kBlock;
  std::atomic<std::size_t> next{0};
  team.run([&](int) {
    for (std::size_t b; (b = next.fetch_add(1, std::memory_order_relaxed)) < blocks;)
      f(b, b * kBlock, std::min(examples, (b + 1) * kBlock));
  });
}

double score_of(Task task, double prediction, float label) {
  const double target = static_cast<double>(label);
  switch (task) {
    case Task::binary: return prediction * target > 0 ? 1 : 0;
    case Task::multiclass: return prediction == target ? 1 : 0;
    case Task::rating: return (prediction - target) * (prediction - target);
  }
  return 0;
}

}  // namespace

std::string_view metric_name(Task task) { return task == Task::rating ? "rmse" : "accuracy"; }

Evaluation evaluate(const Kernel& kernel, const Parameters& parameters, const Dataset& data, Team& team) {
  const Examples examples = data.examples();
  const Cells cells = parameters.cells();
  std::vector<Evaluation> sums((examples.count + kBlock - 1) / kBlock);
  for_blocks(examples.count, team, [&](std::size_t block, std::size_t begin, std::size_t end) {
    double predictions[kBlock];
    kernel.predict(kernel.model.get(), cells, examples, begin, end, predictions);
    Evaluation sum{.loss = kernel.loss(kernel.model.get(), cells, examples, begin, end)};
    for (std::size_t i = begin; i < end; ++i) sum.metric += score_of(kernel.task, predictions[i - begin], examples.labels[i]);
    sums[block] = sum;
  });

  Evaluation mean;
  for (const Evaluation& sum : sums) mean.loss += sum.loss, mean.metric += sum.metric;
  const double n = static_cast<double>(std::max<std::size_t>(1, examples.count));
  mean.loss /= n;
  mean.metric /= n;
  if (kernel.task == Task::rating) mean.metric = std::sqrt(mean.metric);
  return mean;
}

std::vector<double> predict(const Kernel& kernel, const Parameters& parameters, const Dataset& data, Team& team) {
  const Examples examples = data.examples();
  const Cells cells = parameters.cells();
  std::vector<double> predictions(examples.count);
  for_blocks(examples.count, team, [&](std::size_t, std::size_t begin, std::size_t end) {
    kernel.predict(kernel.model.get(), cells, examples, begin, end, predictions.data() + begin);
  });
  return predictions;
}

std::optional<double> auc(const std::vector<double>& scores, std::span<const float> labels) {
  if (std::any_of(scores.begin(), scores.end(), [](double score) { return std::isnan(score); })) return std::nullopt;
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });

  double positives = 0, negatives = 0, won = 0;  // won: pairs in which the positive ranks higher
  for (std::size_t i = 0; i < order.size();) {
    double tied_positives = 0, tied_negatives = 0;
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i) (labels[order[i]] > 0 ? tied_positives : tied_negatives) += 1;
    won += tied_positives * (negatives + tied_negatives / 2);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  if (positives == 0 || negatives == 0) return std::nullopt;
  return won / (positives * negatives);
}

}  // namespace sounder
