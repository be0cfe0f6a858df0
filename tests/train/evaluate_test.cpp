// Evaluation: the loss of the definition, the same bits for any number of workers; AUC.
#include <algorithm>
#include <cmath>
#include <deque>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/train/evaluate.hpp>

#include "support.hpp"
#include "teams/team.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Random weights everywhere.
Parameters random_parameters(const Kernel& kernel) {
  Parameters parameters(kernel.layout);
  Random random(21);
  for (std::size_t table = 0; table < kernel.layout.tables(); ++table)
    for (std::size_t row = 0; row < kernel.layout.shape(table).rows; ++row)
      for (float& w : parameters.row(table, row)) w = static_cast<float>(random.normal());
  return parameters;
}

/// What `predict` and `loss` must give.
struct Expected {
  double prediction, loss;
};

Expected of_scores(const std::vector<double>& scores, std::size_t label) {
  double sum = 0;
  for (const double score : scores) sum += std::exp(score - scores[label]);
  const auto best = std::max_element(scores.begin(), scores.end());
  return {static_cast<double>(best - scores.begin()), std::log(sum)};
}

double naive_score(ModelName model, const Parameters& w, const Example& x, std::size_t k = 0) {
  const auto weight = [&](std::size_t table, std::size_t row, std::size_t slot) {
    return static_cast<double>(w.row(table, row)[slot]);
  };
  if (model == ModelName::mf) {  // width 16: the biases in slots 14 and 15
    double score = weight(2, 0, 0) + weight(0, x.ids[0], 14) + weight(1, x.ids[1], 15);
    for (std::size_t slot = 0; slot < 14; ++slot) score += weight(0, x.ids[0], slot) * weight(1, x.ids[1], slot);
    return score;
  }
  double score = weight(1, 0, k);
  for (std::uint32_t j = 0; j < x.size; ++j)
    score += weight(0, x.ids ? x.ids[j] : j, k) * (x.values ? static_cast<double>(x.values[j]) : 1.);
  return score;
}

Expected naive(ModelName model, const Parameters& w, const Example& x) {
  const double score = model == ModelName::fm || model == ModelName::cut ? 0 : naive_score(model, w, x), label = static_cast<double>(x.label);
  switch (model) {
    case ModelName::logistic:
      return {score, std::log1p(std::exp(-label * score))};
    case ModelName::svm:
      return {score, label * score < 1 ? 1 - label * score : 0};
    case ModelName::squared:
    case ModelName::mf:
      return {score, (score - label) * (score - label) / 2};
    case ModelName::cut: {
      const auto at = [&](std::size_t j) { return std::clamp(static_cast<double>(w.row(0, x.ids[j])[0]), 0., 1.); };
      const double first = at(0), other = x.size == 1 ? label : at(1), force = static_cast<double>(x.values[0]);
      return {static_cast<double>(x.size == 1 ? first > 0.5 : (first > 0.5) != (other > 0.5)), force * std::abs(first - other)};
    }
    case ModelName::fm: {  // the definition, pair by pair; width 16: the weight in slot 15
      const auto value = [&](std::uint32_t j) { return x.values ? static_cast<double>(x.values[j]) : 1.; };
      double sum = static_cast<double>(w.row(1, 0)[0]);
      for (std::uint32_t i = 0; i < x.size; ++i) {
        const auto left = w.row(0, x.ids ? x.ids[i] : i);
        sum += static_cast<double>(left[15]) * value(i);
        for (std::uint32_t j = i + 1; j < x.size; ++j)
          for (std::size_t k = 0; k < 15; ++k)
            sum += static_cast<double>(left[k]) * static_cast<double>(w.row(0, x.ids ? x.ids[j] : j)[k]) * value(i) * value(j);
      }
      return {sum, std::log1p(std::exp(-label * sum))};
    }
    case ModelName::mlp: {
      std::vector<double> scores;
      for (std::size_t k = 0; k < 3; ++k) {
        scores.push_back(static_cast<double>(w.row(2, 64)[k]));
        for (std::size_t unit = 0; unit < 64; ++unit)
          scores[k] += std::max(0., naive_score(model, w, x, unit)) * static_cast<double>(w.row(2, unit)[k]);
      }
      return of_scores(scores, static_cast<std::size_t>(x.label));
    }
    case ModelName::softmax:
      return of_scores({score, naive_score(model, w, x, 1), naive_score(model, w, x, 2)}, static_cast<std::size_t>(x.label));
  }
  return {};
}

bool data_is_labelled(Format format) { return format != Format::ratings && format != Format::cut; }

std::optional<double> naive_auc(const std::vector<double>& scores, const std::vector<float>& labels) {
  double won = 0, pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (std::size_t j = 0; j < scores.size(); ++j)
      if (labels[i] > 0 && labels[j] <= 0) {
        pairs += 1;
        won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
      }
  if (pairs == 0) return std::nullopt;
  return won / pairs;
}

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("evaluate and predict are the definition, in double, and the same bits for 1 and 3 workers") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      std::deque<Dataset> sets;
      sets.push_back(small_set(model.value));
      if (data_is_labelled(format_of(model.value))) {
        sets.push_back(Dataset::train(relabelled(load("synthetic:dense,examples=1500,features=37"), model.value), 1));
      }
      for (const Dataset& data : sets) {
        CAPTURE(data.name());
        const Kernel kernel = builtin_kernel({.model = model.value, .factors = 16}, data);
        const Parameters parameters = random_parameters(kernel);
        SerialTeam alone;
        const Evaluation evaluation = evaluate(kernel, parameters, data, alone);
        const std::vector<double> predictions = predict(kernel, parameters, data, alone);
        REQUIRE(predictions.size() == data.size());

        const Examples examples = data.examples();
        double loss = 0, metric = 0;
        for (std::size_t i = 0; i < data.size(); ++i) {
          const double label = static_cast<double>(examples.labels[i]);
          const auto [score, expected_loss] = naive(model.value, parameters, examples[i]);
          if (std::abs(score - predictions[i]) > 1e-9 * (1 + std::abs(score)))
            FAIL(i << ": " << score << " " << predictions[i]);
          loss += expected_loss;
          metric += kernel.task == Task::binary       ? (score > 0) == (label > 0)
                    : kernel.task == Task::multiclass ? score == label
                                                      : (score - label) * (score - label);
        }
        const double n = static_cast<double>(data.size());
        CHECK(evaluation.loss == doctest::Approx(loss / n).epsilon(1e-10));
        CHECK(evaluation.metric ==
              doctest::Approx(kernel.task == Task::rating ? std::sqrt(metric / n) : metric / n).epsilon(1e-10));

        const auto three = shm::make_team(TeamName::threads, 3, PinName::none);
        const Evaluation shared = evaluate(kernel, parameters, data, *three);
        CHECK(shared.loss == evaluation.loss);
        CHECK(shared.metric == evaluation.metric);
        CHECK(predict(kernel, parameters, data, *three) == predictions);
      }
    }
    CHECK(metric_name(Task::binary) == "accuracy");
    CHECK(metric_name(Task::multiclass) == "accuracy");
    CHECK(metric_name(Task::rating) == "rmse");
  }

  TEST_CASE("auc is the chance that a positive outranks a negative, ties counting half") {
    Random random(31);
    for (const std::size_t examples : {1u, 2u, 3u, 10u, 200u})
      for (const std::uint64_t distinct : {1u, 2u, 5u, 1000u}) {
        std::vector<double> scores;
        std::vector<float> labels;
        for (std::size_t i = 0; i < examples; ++i) {
          scores.push_back(static_cast<double>(random.below(distinct)) - 2);
          labels.push_back(random.below(2) ? 1.f : -1.f);
        }
        CAPTURE(examples);
        CAPTURE(distinct);
        const auto expected = naive_auc(scores, labels), found = auc(scores, labels);
        REQUIRE(found.has_value() == expected.has_value());
        if (expected) CHECK(*found == doctest::Approx(*expected).epsilon(1e-12));
      }
    const std::vector<float> labels{1, 1, -1, -1};
    CHECK(auc({4, 3, 2, 1}, labels) == 1);
    CHECK(auc({1, 2, 3, 4}, labels) == 0);
    CHECK(auc({1, 1, 1, 1}, labels) == 0.5);
    CHECK(auc({HUGE_VAL, 3, 2, -HUGE_VAL}, labels) == 1);
    CHECK_FALSE(auc({1, 2}, std::vector<float>{1, 1}).has_value());
    CHECK_FALSE(auc({1, 2}, std::vector<float>{-1, -1}).has_value());
    CHECK_FALSE(auc({}, std::vector<float>{}).has_value());
  }

  TEST_CASE("auc of scores that are not numbers, as of a diverged model, is empty") {
    CHECK_FALSE(auc({1, std::nan(""), 2}, std::vector<float>{1, -1, -1}).has_value());
  }
}
