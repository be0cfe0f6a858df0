#include <sounder/kernel.hpp>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder {

StepFunction Kernel::step_of(AccessKind access) const {
  const StepFunction function = step[static_cast<std::size_t>(access)];
  if (!function)
    throw Error(count ? fmt::format("--rule {} cannot run with access {}: use sgd or adagrad, or another mode", name_of(kRules, rule),
                                    name_of(kAccessKinds, access))
                      : fmt::format("model {} cannot run with access {}: give it a touches(example, f)", name,
                                    name_of(kAccessKinds, access)));
  return function;
}

}  // namespace sounder
