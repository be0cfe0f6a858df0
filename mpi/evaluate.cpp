#include "evaluate.hpp"

#include <algorithm>
#include <cmath>

#include "collectives.hpp"

namespace sounder::mpi {

RankEvaluator::Losses RankEvaluator::operator()(const Parameters& parameters) {
  Losses losses;
  losses.train = over_ranks(parameters, problem_.train).loss + problem_.kernel.penalty(parameters);
  if (problem_.test) {
    const Evaluation test = over_ranks(parameters, *problem_.test);
    losses.test = test.loss;
    losses.metric = test.metric;
  }
  return losses;
}

Evaluation RankEvaluator::over_ranks(const Parameters& parameters, const SharedSet& set) {
  const auto own = static_cast<double>(set.data.size());
  Evaluation mine = own > 0 ? evaluate(problem_.kernel, parameters, set.data, team_) : Evaluation{};
  const bool squares = problem_.kernel.task == Task::rating;  // whose metric is the root of a mean
  const double sums[] = {mine.loss * own, (squares ? mine.metric * mine.metric : mine.metric) * own};
  const std::vector<double> all = all_sum<double>(endpoint_, sums);
  const double n = static_cast<double>(std::max<std::uint64_t>(1, set.all_examples));
  return {.loss = all[0] / n, .metric = squares ? std::sqrt(all[1] / n) : all[1] / n};
}

std::optional<double> auc_over_ranks(Endpoint& endpoint, const Kernel& kernel, const Parameters& parameters, const SharedSet& set, Team& team) {
  const std::vector<double> own = set.data.size() > 0 ? predict(kernel, parameters, set.data, team) : std::vector<double>{};
  const auto own_labels = set.data.labels();
  const std::vector<Payload> all_scores = gather(endpoint, 0, Payload::of(own)), all_labels = gather(endpoint, 0, Payload::copy<float>(own_labels));
  if (endpoint.rank() != 0) return std::nullopt;
  std::vector<double> scores;
  std::vector<float> labels;
  for (const Payload& part : all_scores) scores.insert(scores.end(), part.as<double>().begin(), part.as<double>().end());
  for (const Payload& part : all_labels) labels.insert(labels.end(), part.as<float>().begin(), part.as<float>().end());
  return auc(scores, labels);
}

void copy_from(Endpoint& endpoint, int root, std::span<float> values) {
  const bool mine = endpoint.rank() == root;
  const Payload all = broadcast(endpoint, root, mine ? Payload::copy<float>(values) : Payload());
  if (!mine) std::ranges::copy(all.as<float>(), values.begin());
}

void average_over_ranks(Endpoint& endpoint, int counted, std::span<float> values) {
  if (endpoint.size() == 1) return;
  const auto ranks = static_cast<std::size_t>(endpoint.size());
  const auto slice = [&](std::size_t rank) {
    const std::size_t begin = values.size() * rank / ranks, end = values.size() * (rank + 1) / ranks;
    return values.subspan(begin, end - begin);
  };
  std::vector<Payload> parts;
  for (std::size_t rank = 0; rank < ranks; ++rank) parts.push_back(Payload::copy<float>(slice(rank)));
  const std::vector<Payload> mine = all_to_all(endpoint, std::move(parts));
  std::vector<float> mean(slice(static_cast<std::size_t>(endpoint.rank())).size());
  for (const Payload& part : mine)
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += part.as<float>()[i];
  for (float& value : mean) value /= static_cast<float>(counted);
  const std::vector<Payload> all = all_gather(endpoint, Payload::of(std::move(mean)));
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const std::span<const float> part = all[rank].as<float>();
    std::copy(part.begin(), part.end(), slice(rank).begin());
  }
}

}  // namespace sounder::mpi
