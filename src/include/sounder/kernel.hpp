// A model as function pointers on pieces of examples: what the rest of the library knows of a model.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <typeinfo>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/model/model.hpp>
#include <sounder/modes.hpp>
#include <sounder/params/access/atomic.hpp>
#include <sounder/params/access/frozen.hpp>
#include <sounder/params/access/gather.hpp>
#include <sounder/params/access/recorded.hpp>
#include <sounder/params/access/relaxed.hpp>
#include <sounder/params/parameters.hpp>
#include <sounder/params/row_locks.hpp>
#include <sounder/rule/rule.hpp>

namespace sounder {

class Probe;

/// What a step function needs besides the model and the examples.
struct StepContext {
  Cells cells;
  float rate = 0;
  float l1 = 0;                     ///< weight of |w| in the sum of the losses so far (see rule/ftrl.hpp)
  RowLocks::Held* held = nullptr;   ///< if given, every step runs under the locks of all its rows
  Turnstile* turnstile = nullptr;   ///< of the worker; needed by access recorded
  Probe* probe = nullptr;           ///< what measures the steps of this worker (train/probe.hpp); null: nothing does
  bool watched = false;             ///< set by the probe: it wants to know of each example
};

/// Steps on examples [begin, end). Template per coordinate, function pointer per piece. A call that has a probe goes
/// through it: it may run the piece in parts, with the same result.
class StepFunction {
 public:
  using Pointer = void (*)(const void* model, const StepContext&, const Examples&, std::size_t begin, std::size_t end);

  StepFunction() = default;
  template <std::convertible_to<Pointer> F>
  StepFunction(F function, AccessKind kind = AccessKind::relaxed) : pointer_(function), kind_(kind) {}

  explicit operator bool() const { return pointer_ != nullptr; }
  void operator()(const void* model, const StepContext& context, const Examples& examples, std::size_t begin, std::size_t end) const {
    if (context.probe)
      probed(model, context, examples, begin, end);
    else
      pointer_(model, context, examples, begin, end);
  }

 private:
  friend struct Kernel;
  void probed(const void* model, const StepContext&, const Examples&, std::size_t begin, std::size_t end) const;

  Pointer pointer_ = nullptr;
  AccessKind kind_ = AccessKind::relaxed;
};

/// The sum of the losses of examples [begin, end).
using LossFunction = double (*)(const void* model, const Cells&, const Examples&, std::size_t begin, std::size_t end);
/// Writes end - begin predictions.
using PredictFunction = void (*)(const void* model, const Cells&, const Examples&, std::size_t begin, std::size_t end, double* out);
/// Adds 1 to counts[table][row] for every row that each example touches.
using CountFunction = void (*)(const void* model, const Examples&, std::size_t begin, std::size_t end, std::uint32_t* const* counts);

/// A row of the parameters.
struct RowId {
  std::uint32_t table, row;
  bool operator==(const RowId&) const = default;
};
/// Appends every row that each example touches, as often as it does.
using ListFunction = void (*)(const void* model, const Examples&, std::size_t begin, std::size_t end, std::vector<RowId>& rows);

/// A model bound to the data that it will be trained on. The dataset must outlive the kernel, and must not be moved.
struct Kernel {
  std::string name;   ///< of the model, for records and model files
  Task task = Task::rating;
  RuleName rule = RuleName::sgd;
  double l1 = 0;             ///< weight of |w| in the objective
  Layout layout;             ///< with the rule's states
  double default_step = 0.1; ///< of the rule

  std::shared_ptr<const void> model;
  const std::type_info* type = nullptr;                  ///< of the model: who has other code for some models finds it by this
  std::array<StepFunction, kAccessKinds.size()> step{};  ///< null: the model lacks what the access needs
  LossFunction loss = nullptr;
  PredictFunction predict = nullptr;
  CountFunction count = nullptr;                         ///< null: the model has no touches()
  ListFunction list = nullptr;                           ///< null: the same
  int intercept_table = -1;                              ///< -1: none

  std::function<void(Parameters&, std::uint64_t seed)> initialize;
  std::function<double(const Parameters&)> penalty;
  std::function<void(int table, std::span<float> row)> project;  ///< null: weights may be any numbers
  std::function<double(double)> answer;

  /// The step function of an access; throws Error if the model cannot run under it.
  StepFunction step_of(AccessKind access) const;
};

/// What a step that is watched tells its probe, inside of its locks.
void before_step(Probe& probe, std::size_t example);
void after_step(Probe& probe);

// Everything from here on depends on the instruction set (see lanes.hpp).
inline namespace SOUNDER_ISA {
namespace detail {

template <class M>
SOUNDER_INLINE Example example_of(const Examples& examples, std::size_t i) {
  if constexpr (requires { M::kArity; })
    return examples.template fixed<M::kArity>(i);
  else
    return examples[i];
}

/// Takes the locks of all rows of an example. Out of line: the loops of the lock-free modes hold no locked instruction.
template <class M>
[[gnu::noinline]] void lock_rows(RowLocks::Held& held, const M& model, const Example& x) {
  if constexpr (requires { model.touches(x, [](int, std::uint32_t) {}); })
    model.touches(x, [&](int table, std::uint32_t row) { held.want(table, row); });
  held.acquire();
}
/// Before and after a step that is locked or watched. Out of line for the same reason; model and example by value, so that
/// the loop need not keep its own where a store of the step might reach them.
template <class M>
[[gnu::noinline]] void enter_step(const StepContext& context, const M model, const Example x, std::size_t example) {
  if (context.held) lock_rows(*context.held, model, x);
  if (context.watched) before_step(*context.probe, example);
}
[[gnu::noinline]] inline void leave_step(const StepContext& context) {
  if (context.watched) after_step(*context.probe);
  if (context.held) context.held->release();
}
template <class M>
[[gnu::noinline]] void lock_intercept(RowLocks::Held& held) {
  if constexpr (requires { M::intercept; }) held.want(M::intercept.index, 0);
  held.acquire();
}

template <class M, class Access>
[[gnu::noinline]] void steps(const void* model, const StepContext& context, const Examples& all, std::size_t begin,
                             std::size_t end) {
  constexpr std::size_t kAhead = 8;           // prefetch distance in examples
  const M m = *static_cast<const M*>(model);  // by value, like the examples: no store can alias their fields
  const Examples examples = all;
  RowLocks::Held* const held = context.held;
  const bool apart = held || context.watched;
  Access access{};
  access.rule = rule_with<decltype(access.rule)>(context.rate, context.l1);
  if constexpr (requires { access.turnstile; }) access.turnstile = context.turnstile;
  ViewOf<M, Access> view(access, context.cells);

  for (std::size_t i = begin; i < end;) {
    const std::size_t stop = std::min(end, i + View<Access>::kThinning);
    if constexpr (requires { M::intercept; }) view.open_intercept(M::intercept);
    if constexpr (requires { M::kTile; })
      for (; m.tile && !held && i + M::kTile <= stop; i += M::kTile) {
        Example tile[M::kTile];
        if (apart) [[unlikely]]  // counted, as one example is; what they meet is not measured
          for (std::size_t k = 0; k < M::kTile; ++k) enter_step(context, m, example_of<M>(examples, i + k), i + k), leave_step(context);
        for (std::size_t k = 0; k < M::kTile; ++k) tile[k] = example_of<M>(examples, i + k);
        m.step_tile(view, tile);
      }
    while (i < stop) {
      // The calls stand around the loop of the steps: inside of it, even one that is never made would keep the vectors of
      // the loop out of the registers (mf, 32 factors: 99 instructions a rating instead of 89).
      const std::size_t piece = apart ? i + 1 : stop;
      if (apart) [[unlikely]] enter_step(context, m, example_of<M>(examples, i), i);
      do {
        const Example x = example_of<M>(examples, i);
        if constexpr (requires { m.prefetch(view, x); })
          if (i + kAhead < examples.count) m.prefetch(view, example_of<M>(examples, i + kAhead));
        m.step(view, x);
      } while (++i < piece);
      if (apart) [[unlikely]] leave_step(context);
    }
    if constexpr (requires { M::intercept; }) {
      if (held) [[unlikely]] lock_intercept<M>(*held);
      view.close_intercept(M::intercept);
      if (held) [[unlikely]] held->release();
    }
  }
}

template <class M, class F>
SOUNDER_INLINE void evaluate(const void* model, const Cells& cells, const Examples& examples, std::size_t begin,
                             std::size_t end, F f) {
  const M& m = *static_cast<const M*>(model);
  ViewOf<M, Frozen> view(Frozen{}, cells);
  if constexpr (requires { M::intercept; }) view.open_intercept(M::intercept);
  for (std::size_t i = begin; i < end; ++i) f(m, view, example_of<M>(examples, i));
}

template <class M>
[[gnu::noinline]] double losses(const void* model, const Cells& cells, const Examples& examples, std::size_t begin,
                                std::size_t end) {
  double sum = 0;
  evaluate<M>(model, cells, examples, begin, end,
              [&](const M& m, auto& view, const Example& x) { sum += m.loss(view, x); });
  return sum;
}

template <class M>
[[gnu::noinline]] void predictions(const void* model, const Cells& cells, const Examples& examples, std::size_t begin,
                                   std::size_t end, double* out) {
  evaluate<M>(model, cells, examples, begin, end,
              [&](const M& m, auto& view, const Example& x) { *out++ = m.predict(view, x); });
}

template <class M>
void count_touches(const void* model, const Examples& examples, std::size_t begin, std::size_t end,
                   std::uint32_t* const* counts) {
  const M& m = *static_cast<const M*>(model);
  for (std::size_t i = begin; i < end; ++i)
    m.touches(example_of<M>(examples, i), [&](int table, std::uint32_t row) { ++counts[table][row]; });
}

template <class M>
void list_touches(const void* model, const Examples& examples, std::size_t begin, std::size_t end, std::vector<RowId>& rows) {
  const M& m = *static_cast<const M*>(model);
  for (std::size_t i = begin; i < end; ++i)
    m.touches(example_of<M>(examples, i), [&](int table, std::uint32_t row) { rows.push_back({static_cast<std::uint32_t>(table), row}); });
}

/// The step functions of a model under a rule, by access. Exact sums are worth their price for rules whose state is a
/// sum itself: the others have no atomic form.
template <class M, class Rule>
std::array<StepFunction, kAccessKinds.size()> step_functions() {
  std::array<StepFunction, kAccessKinds.size()> step{};
  step[static_cast<std::size_t>(AccessKind::relaxed)] = steps<M, Relaxed<Rule>>;
  if constexpr (std::is_same_v<Rule, Sgd>) step[static_cast<std::size_t>(AccessKind::recorded)] = steps<M, Recorded>;
  if constexpr (std::is_same_v<Rule, Sgd> || std::is_same_v<Rule, AdaGrad>)
    step[static_cast<std::size_t>(AccessKind::atomic)] = steps<M, Atomic<Rule>>;
  if constexpr (requires(const M& model, const Example& x) { model.touches(x, [](int, std::uint32_t) {}); })
    step[static_cast<std::size_t>(AccessKind::gather)] = steps<M, Gather>;
  return step;
}

}  // namespace detail

/// Binds a model to its training data. `name` goes into records and model files.
template <Model M>
Kernel make_kernel(const M& model, const Dataset& data, std::string name, RuleName rule = RuleName::sgd) {
  Kernel kernel;
  kernel.name = std::move(name);
  kernel.rule = rule;
  kernel.layout = model.layout(data).with_states(states_of(rule));
  kernel.model = std::make_shared<const M>(model);
  kernel.type = &typeid(M);
  kernel.step = with_rule(rule, [](auto r) { return detail::step_functions<M, decltype(r)>(); });
  kernel.loss = detail::losses<M>;
  kernel.predict = detail::predictions<M>;
  if constexpr (requires(const Example& x) { model.touches(x, [](int, std::uint32_t) {}); }) {
    kernel.count = detail::count_touches<M>;
    kernel.list = detail::list_touches<M>;
  }

  if constexpr (requires { M::kTask; }) kernel.task = M::kTask;
  if constexpr (requires { M::intercept; }) kernel.intercept_table = M::intercept.index;
  if constexpr (requires { model.default_step(data); }) kernel.default_step = model.default_step(data);
  kernel.default_step = default_step_of(rule, kernel.default_step);
  kernel.initialize = [](Parameters&, std::uint64_t) {};
  if constexpr (requires(Parameters& p, std::uint64_t seed) { model.initialize(p, data, seed); })
    kernel.initialize = [model, &data](Parameters& p, std::uint64_t seed) { model.initialize(p, data, seed); };
  kernel.penalty = [](const Parameters&) { return 0.; };
  if constexpr (requires(const Parameters& p) { model.penalty(p); })
    kernel.penalty = [model](const Parameters& p) { return model.penalty(p); };
  if constexpr (requires(std::span<float> row) { model.project(0, row); })
    kernel.project = [model](int table, std::span<float> row) { model.project(table, row); };
  kernel.answer = [](double prediction) { return prediction; };
  if constexpr (requires(double prediction) { model.answer(prediction); })
    kernel.answer = [model](double prediction) { return model.answer(prediction); };
  return kernel;
}

}  // namespace SOUNDER_ISA
}  // namespace sounder
