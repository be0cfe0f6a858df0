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

void check_options(const ModelOptions& options) {
  if (!(std::isfinite(static_cast<float>(options.l2)) && options.l2 >= 0))
    throw Error(fmt::format("--l2 {} cannot be used: give 0 or more", options.l2));
  const auto within = [](const char* flag, int value, int least, int most, const char* what) {
    if (value < least || value > most)
      throw Error(fmt::format("{} {} is out of range: give {} to {}{}", flag, value, least, most, what));
  };
  if (options.model == ModelName::mf) within("--factors", options.factors, 3, 256, ", two of which are the biases");
  if (options.model == ModelName::fm) within("--factors", options.factors, 2, 64, ", one of which is the linear weight");
  if (options.model == ModelName::mlp) within("--hidden", options.hidden, 1, 128, " units");
}

Kernel builtin_kernel(const ModelOptions& options, const Dataset& data) {
  check_options(options);
  const auto l2 = static_cast<float>(options.l2);
  const bool wants_ratings = format_of(options.model) == Format::ratings;
  if (wants_ratings != (data.spaces() == 2))
    throw Error(fmt::format("--model {} needs {}, but {} holds {}", name_of(kModels, options.model),
                            wants_ratings ? "ratings" : "labelled examples", data.name(),
                            wants_ratings ? "labelled examples" : "ratings"));
  switch (options.model) {
    case ModelName::logistic: return families::logistic(data, l2);
    case ModelName::svm: return families::svm(data, l2);
    case ModelName::squared: return families::squared(data, l2);
    case ModelName::softmax: return families::softmax(data, l2);
    case ModelName::mlp: return families::mlp(data, l2, options.hidden, options.tile);
    case ModelName::fm: return families::fm(data, l2, options.factors);
    case ModelName::cut: return families::cut(data);
    case ModelName::mf: return families::mf(data, l2, options.factors);
  }
  throw Error("unknown model");
}

}  // namespace sounder
