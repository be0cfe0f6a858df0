// A model as function pointers on pieces of examples: what the rest of the library knows of a model.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/model/model.hpp>
#include <sounder/modes.hpp>
#include <sounder/params/access/atomic.hpp>
#include <sounder/params/access/frozen.hpp>
#include <sounder/params/access/locked.hpp>
#include <sounder/params/access/relaxed.hpp>
#include <sounder/params/parameters.hpp>
#include <sounder/params/row_locks.hpp>
#include <sounder/rule/sgd.hpp>

namespace sounder {

/// What a step function needs besides the model and the examples.
struct StepContext {
  Cells cells;
  float rate = 0;
  RowLocks* locks = nullptr;  ///< for AccessKind::locked
};

/// Steps on examples [begin, end). Template per coordinate, function pointer per piece.
using StepFunction = void (*)(const void* model, const StepContext&, const Examples&, std::size_t begin, std::size_t end);
/// The sum of the losses of examples [begin, end).
using LossFunction = double (*)(const void* model, const Cells&, const Examples&, std::size_t begin, std::size_t end);
/// Writes end - begin predictions.
using PredictFunction = void (*)(const void* model, const Cells&, const Examples&, std::size_t begin, std::size_t end, double* out);
/// Adds 1 to counts[table][row] for every row that each example touches.
using CountFunction = void (*)(const void* model, const Examples&, std::size_t begin, std::size_t end, std::uint32_t* const* counts);

/// A model bound to the data that it will be trained on. The dataset must outlive the kernel, and must not be moved.
struct Kernel {
  std::string name;   ///< of the model, for records and model files
  Task task = Task::rating;
  Layout layout;
  double default_step = 0.1;

  std::shared_ptr<const void> model;
  std::array<StepFunction, kAccessKinds.size()> step{};  ///< null: the model lacks what the access needs
  LossFunction loss = nullptr;
  PredictFunction predict = nullptr;
  CountFunction count = nullptr;                         ///< null: the model has no touches()
  int intercept_table = -1;                              ///< -1: none

  std::function<void(Parameters&, std::uint64_t seed)> initialize;
  std::function<double(const Parameters&)> penalty;
  std::function<double(double)> answer;

  /// The step function of an access; throws Error if the model cannot run under it.
  StepFunction step_of(AccessKind access) const;
};

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

/// The locks of a step, or nothing for an access without locks.
template <class M, class Access>
struct StepGuard {
  explicit StepGuard(const StepContext&) {}
  SOUNDER_INLINE void lock(const M&, const Example&) {}
  SOUNDER_INLINE void lock_intercept() {}
  SOUNDER_INLINE void unlock() {}
};

template <class M, class Access>
requires(Access::kLocks) struct StepGuard<M, Access> {
  explicit StepGuard(const StepContext& context) : held(*context.locks) {}
  void lock(const M& model, const Example& x) {
    model.touches(x, [&](int table, std::uint32_t row) { held.want(table, row); });
    held.acquire();
  }
  void lock_intercept() {
    if constexpr (requires { M::intercept; }) held.want(M::intercept.index, 0);
    held.acquire();
  }
  void unlock() { held.release(); }
  RowLocks::Held held;
};

template <class M, class Access>
[[gnu::noinline]] void steps(const void* model, const StepContext& context, const Examples& all, std::size_t begin,
                             std::size_t end) {
  constexpr std::size_t kAhead = 8;           // prefetch distance in examples
  const M m = *static_cast<const M*>(model);  // by value, like the examples: no store can alias their fields
  const Examples examples = all;
  Access access{};
  access.rule.rate = context.rate;
  ViewOf<M, Access> view(access, context.cells);
  StepGuard<M, Access> guard(context);

  for (std::size_t i = begin; i < end;) {
    const std::size_t stop = std::min(end, i + View<Access>::kThinning);
    if constexpr (requires { M::intercept; }) view.open_intercept(M::intercept);
    if constexpr (requires { M::kTile; } && !Access::kLocks)
      for (; m.tile && i + M::kTile <= stop; i += M::kTile) {
        Example tile[M::kTile];
        for (std::size_t k = 0; k < M::kTile; ++k) tile[k] = example_of<M>(examples, i + k);
        m.step_tile(view, tile);
      }
    for (; i < stop; ++i) {
      const Example x = example_of<M>(examples, i);
      if constexpr (requires { m.prefetch(view, x); })
        if (i + kAhead < examples.count) m.prefetch(view, example_of<M>(examples, i + kAhead));
      guard.lock(m, x);
      m.step(view, x);
      guard.unlock();
    }
    if constexpr (requires { M::intercept; }) {
      guard.lock_intercept();
      view.close_intercept(M::intercept);
      guard.unlock();
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

}  // namespace detail

/// Binds a model to its training data. `name` goes into records and model files.
template <Model M>
Kernel make_kernel(const M& model, const Dataset& data, std::string name) {
  constexpr bool kTouches = requires(const Example& x) { model.touches(x, [](int, std::uint32_t) {}); };
  Kernel kernel;
  kernel.name = std::move(name);
  kernel.layout = model.layout(data);
  kernel.model = std::make_shared<const M>(model);

  const auto at = [](AccessKind access) { return static_cast<std::size_t>(access); };
  kernel.step[at(AccessKind::relaxed)] = detail::steps<M, Relaxed<Sgd>>;
  kernel.step[at(AccessKind::atomic)] = detail::steps<M, Atomic<Sgd>>;
  if constexpr (kTouches) kernel.step[at(AccessKind::locked)] = detail::steps<M, Locked<Sgd>>;
  kernel.loss = detail::losses<M>;
  kernel.predict = detail::predictions<M>;
  if constexpr (kTouches) kernel.count = detail::count_touches<M>;

  if constexpr (requires { M::kTask; }) kernel.task = M::kTask;
  if constexpr (requires { M::intercept; }) kernel.intercept_table = M::intercept.index;
  if constexpr (requires { model.default_step(data); }) kernel.default_step = model.default_step(data);
  kernel.initialize = [](Parameters&, std::uint64_t) {};
  if constexpr (requires(Parameters& p, std::uint64_t seed) { model.initialize(p, data, seed); })
    kernel.initialize = [model, &data](Parameters& p, std::uint64_t seed) { model.initialize(p, data, seed); };
  kernel.penalty = [](const Parameters&) { return 0.; };
  if constexpr (requires(const Parameters& p) { model.penalty(p); })
    kernel.penalty = [model](const Parameters& p) { return model.penalty(p); };
  kernel.answer = [](double prediction) { return prediction; };
  if constexpr (requires(double prediction) { model.answer(prediction); })
    kernel.answer = [model](double prediction) { return model.answer(prediction); };
  return kernel;
}

}  // namespace SOUNDER_ISA
}  // namespace sounder
