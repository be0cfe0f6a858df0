// What a rule is: how the gradient of one coordinate moves it.
#pragma once

#include <cmath>

#include <sounder/modes.hpp>
#include <sounder/rule/adagrad.hpp>
#include <sounder/rule/adam.hpp>
#include <sounder/rule/ftrl.hpp>
#include <sounder/rule/momentum.hpp>
#include <sounder/rule/sgd.hpp>

namespace sounder {

/// A rule is a trivially copyable struct, `sgd.hpp` and `adagrad.hpp` are the references:
///   kName       its flag
///   kStates     floats of state that each weight carries; they lie beside it (see Layout)
///   rate        the step size
///   l1          if it can make weights exactly 0: the weight of |w| in the sum of the losses so far
///   next(old, a, b, x)          without state: the next weight, where the gradient is a * w + b * x and a >= 0
///   next(state, old, a, b, x)   with state: the same, and the next state in place
///   default_step(sgd_step)      the step that is good where plain descent wants `sgd_step`
///
/// A rule works on one coordinate alone, so it needs no step counter that all workers would share. It must stay
/// sane when another worker's write is lost: see adagrad.hpp.

/// f(rule) for the rule of a name: the one switch from a name to a type.
template <class F>
decltype(auto) with_rule(RuleName name, F f) {
  switch (name) {
    case RuleName::sgd: break;
    case RuleName::adagrad: return f(AdaGrad{});
    case RuleName::ftrl: return f(Ftrl{});
    case RuleName::momentum: return f(Momentum{});
    case RuleName::adam: return f(Adam{});
  }
  return f(Sgd{});
}

/// Floats of state beside each weight.
inline int states_of(RuleName name) {
  return with_rule(name, [](auto rule) { return decltype(rule)::kStates; });
}
inline bool has_l1(RuleName name) {
  return with_rule(name, [](auto rule) { return requires { rule.l1; }; });
}
inline double default_step_of(RuleName name, double sgd_step) {
  return with_rule(name, [&](auto rule) { return decltype(rule)::default_step(sgd_step); });
}

/// A rule with the settings of a piece of work.
template <class Rule>
SOUNDER_INLINE Rule rule_with(float rate, float l1) {
  Rule rule{};
  rule.rate = rate;
  if constexpr (requires { rule.l1; }) rule.l1 = l1;
  return rule;
}

}  // namespace sounder
