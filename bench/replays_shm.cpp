#include "replays_shm.hpp"

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::bench {
namespace {

constexpr const char* kDefault = "its default";

template <class T>
std::string text_of(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : kDefault;
}

}  // namespace

std::map<std::string, std::string> facts_of_run(const ShmSettings& s, const Dataset& train) {
  const Options& o = s.options;
  return {{"--data", fmt::format("with digest {}", train.digest())},
          {"--transform", std::string(name_of(kTransforms, s.load.transform))},
          {"--normalize", std::string(name_of(kNormalizes, s.load.normalize))},
          {"--model", std::string(name_of(kModels, s.model.model))},
          {"--factors", s.model.model == ModelName::mf || s.model.model == ModelName::fm ? fmt::format("{}", s.model.factors) : kDefault},
          {"--hidden", s.model.model == ModelName::mlp ? fmt::format("{}", s.model.hidden) : kDefault},
          {"--phase", o.schedule == ScheduleName::backoff ? fmt::format("{}", o.phase) : kDefault},
          {"--l2", fmt::format("{}", s.model.l2)},
          {"--epochs", fmt::format("{}", o.epochs)},
          {"--step", o.step > 0 ? fmt::format("{}", o.step) : kDefault},
          {"--schedule", std::string(name_of(kSchedules, o.schedule))},
          {"--decay", fmt::format("{}", o.decay_used())},
          {"--rule", std::string(name_of(kRules, o.rule))},
          {"--seed", fmt::format("{}", o.seed)},
          {"--target-loss", text_of(o.target_loss)},
          {"--load", s.start.empty() ? "left out" : "given"}};
}

void check_facts_of_run(const Recording& recording, const ShmSettings& settings, const Dataset& train) {
  std::map<std::string, std::string> given = facts_of_run(settings, train);
  for (const auto& [flag, value] : recording.facts)
    if (given[flag] != value)
      throw Error(fmt::format("the recording {} was made with {} {}, not {}: give it the same", settings.replay, flag,
                              value, given[flag]));
}

void check_replayed(const Recording& recording, const ShmSettings& settings, const Result& result) {
  if (result.digest != recording.digest)
    throw Error(
        fmt::format("the replay of {} ended at weights with digest {}, not {}: replay it with the program, processor "
                    "and files that "
                    "recorded it",
                    settings.replay, result.digest, recording.digest));
}

}  // namespace sounder::bench
