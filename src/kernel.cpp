#include <sounder/kernel.hpp>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/train/probe.hpp>

namespace sounder {

StepFunction Kernel::step_of(AccessKind access) const {
  StepFunction function = step[static_cast<std::size_t>(access)];
  if (!function)
    throw Error(count ? fmt::format("--rule {} cannot run with access {}: use sgd or adagrad, or another mode", name_of(kRules, rule),
                                    name_of(kAccessKinds, access))
                      : fmt::format("model {} cannot run with access {}: give it a touches(example, f)", name,
                                    name_of(kAccessKinds, access)));
  function.kind_ = access;
  return function;
}

void StepFunction::probed(const void* model, const StepContext& context, const Examples& examples, std::size_t begin, std::size_t end) const {
  context.probe->run(pointer_, kind_, model, context, examples, begin, end);
}

}  // namespace sounder
