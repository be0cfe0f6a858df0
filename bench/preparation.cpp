#include "preparation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sounder/error.hpp>

namespace sounder::bench {
namespace {

constexpr const char* kTransformFact = "transform";
constexpr const char* kNormalizeFact = "normalize";
constexpr const char* kClassesFact = "classes";

}  // namespace

std::map<std::string, std::string> preparation_of(const Settings& settings) {
  std::map<std::string, std::string> facts{{"l2", fmt::format("{}", settings.model.l2)},
                                           {"l1", fmt::format("{}", settings.model.l1)},
                                           {kTransformFact, std::string(name_of(kTransforms, settings.load.transform))},
                                           {kNormalizeFact, std::string(name_of(kNormalizes, settings.load.normalize))}};
  const ModelName model = settings.model.model;
  if (model == ModelName::mf || model == ModelName::fm) facts["factors"] = fmt::format("{}", settings.model.factors);
  if (model == ModelName::mlp) facts["hidden"] = fmt::format("{}", settings.model.hidden);
  return facts;
}

void check_prepared(const SavedModel& saved, const Settings& settings) {
  const auto check = [&](const char* fact, std::string_view given) {
    const auto trained = saved.facts.find(fact);
    if (trained != saved.facts.end() && trained->second != given)
      throw Error(fmt::format("the model {} was trained with --{} {}: give that flag here too", settings.start, fact, trained->second));
  };
  check(kTransformFact, name_of(kTransforms, settings.load.transform));
  check(kNormalizeFact, name_of(kNormalizes, settings.load.normalize));
}

void check_classes(const SavedModel& saved, const Settings& settings, const Dataset& data) {
  const auto trained = saved.facts.find(kClassesFact);
  const std::string given = fmt::format("{}", fmt::join(data.classes(), ","));
  if (trained != saved.facts.end() && trained->second != given)
    throw Error(fmt::format("the model {} tells classes {} apart, but {} holds {}: give data of the same classes", settings.start,
                            trained->second, data.name(), given));
}

SavedModel saved_of(const Kernel& kernel, const Parameters& parameters, const Dataset& train, const Settings& settings) {
  SavedModel saved = to_saved(kernel, parameters, train);
  saved.facts[kTransformFact] = name_of(kTransforms, settings.load.transform);
  saved.facts[kNormalizeFact] = name_of(kNormalizes, settings.load.normalize);
  if (!train.classes().empty()) saved.facts[kClassesFact] = fmt::format("{}", fmt::join(train.classes(), ","));
  return saved;
}

}  // namespace sounder::bench
