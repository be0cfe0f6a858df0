#include <sounder/model/builtin.hpp>

#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "model/families.hpp"

namespace sounder {

Format format_of(ModelName model) {
  switch (model) {
    case ModelName::logistic:
    case ModelName::svm:
    case ModelName::fm: return Format::classification;
    case ModelName::squared: return Format::regression;
    case ModelName::softmax:
    case ModelName::mlp: return Format::multiclass;
    case ModelName::cut: return Format::cut;
    case ModelName::mf: return Format::ratings;
  }
  return Format::classification;
}

namespace {

void check_penalty(const char* flag, double weight) {
  if (!(std::isfinite(static_cast<float>(weight)) && weight >= 0)) throw Error(fmt::format("{} {} cannot be used: give 0 or more", flag, weight));
}

Kernel kernel_of(const ModelOptions& options, const Dataset& data, RuleName rule) {
  const auto l2 = static_cast<float>(options.l2);
  switch (options.model) {
    case ModelName::logistic: return families::logistic(data, l2, rule);
    case ModelName::svm: return families::svm(data, l2, rule);
    case ModelName::squared: return families::squared(data, l2, rule);
    case ModelName::softmax: return families::softmax(data, l2, rule);
    case ModelName::mlp: return families::mlp(data, l2, options.hidden, options.tile, rule);
    case ModelName::fm: return families::fm(data, l2, options.factors, rule);
    case ModelName::cut: return families::cut(data, rule);
    case ModelName::mf: return families::mf(data, l2, options.factors, rule);
  }
  throw Error("unknown model");
}

/// Adds l1 |w|, the intercept excluded, to the objective.
void add_l1(Kernel& kernel, double l1) {
  kernel.l1 = l1;
  kernel.penalty = [l1, before = kernel.penalty](const Parameters& parameters) {
    double sum = 0;
    for (std::size_t table = 0; table < parameters.layout().tables(); ++table)
      if (parameters.layout().shape(table).space >= 0)
        for (std::size_t row = 0; row < parameters.layout().shape(table).rows; ++row)
          for (const float w : parameters.row(table, row)) sum += std::abs(static_cast<double>(w));
    return before(parameters) + l1 * sum;
  };
}

}  // namespace

void check_options(const ModelOptions& options) {
  check_penalty("--l2", options.l2);
  check_penalty("--l1", options.l1);
  const auto within = [](const char* flag, int value, int least, int most, const char* what) {
    if (value < least || value > most)
      throw Error(fmt::format("{} {} is out of range: give {} to {}{}", flag, value, least, most, what));
  };
  if (options.model == ModelName::mf) within("--factors", options.factors, 3, 256, ", two of which are the biases");
  if (options.model == ModelName::fm) within("--factors", options.factors, 2, 64, ", one of which is the linear weight");
  if (options.model == ModelName::mlp) within("--hidden", options.hidden, 1, 128, " units");
}

Kernel builtin_kernel(const ModelOptions& options, const Dataset& data, RuleName rule) {
  check_options(options);
  if (options.l1 > 0 && !has_l1(rule))
    throw Error(fmt::format("--l1 needs a rule that makes weights exactly 0: give --rule ftrl, not {}", name_of(kRules, rule)));
  const bool wants_ratings = format_of(options.model) == Format::ratings;
  if (wants_ratings != (data.spaces() == 2))
    throw Error(fmt::format("--model {} needs {}, but {} holds {}", name_of(kModels, options.model),
                            wants_ratings ? "ratings" : "labelled examples", data.name(),
                            wants_ratings ? "labelled examples" : "ratings"));
  Kernel kernel = kernel_of(options, data, rule);
  if (options.l1 > 0) add_l1(kernel, options.l1);
  return kernel;
}

}  // namespace sounder
