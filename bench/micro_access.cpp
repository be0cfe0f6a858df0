// What a shared cell costs: the same step on plain floats, on the shipped form (volatile) and on relaxed atomics,
// on sparse rows (logistic) and on dense ones (mf, 32 floats). One thread; items are nonzeros or ratings.
#include <benchmark/benchmark.h>

#include <sounder/data/load.hpp>
#include <sounder/kernel.hpp>
#include <sounder/model/logistic.hpp>
#include <sounder/model/mf.hpp>

namespace {

using namespace sounder;

/// Plain loads and stores: a data race as soon as there is a second thread. For comparison only.
struct Plain {
  using Rule = Sgd;
  static constexpr int kStates = 0;
  using Scalar = float;
  Sgd rule;
  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    typedef V Strip __attribute__((may_alias));
    return *reinterpret_cast<const Strip*>(cell);
  }
  template <class V>
  SOUNDER_INLINE void move(float* cell, std::size_t, V old, float a, float b, V x) const {
    typedef V Strip __attribute__((may_alias));
    *reinterpret_cast<Strip*>(cell) = rule.next(old, a, b, x);
  }
};

/// The form of the sanitizer builds.
struct AtomicCells : Plain {
  template <class V>
  SOUNDER_INLINE V get(const float* cell) const {
    std::array<float, sizeof(V) / sizeof(float)> lanes;
    for (std::size_t i = 0; i < lanes.size(); ++i)
      lanes[i] = std::atomic_ref<float>(const_cast<float&>(cell[i])).load(std::memory_order_relaxed);
    return std::bit_cast<V>(lanes);
  }
  template <class V>
  SOUNDER_INLINE void move(float* cell, std::size_t, V old, float a, float b, V x) const {
    const auto lanes = std::bit_cast<std::array<float, sizeof(V) / sizeof(float)>>(rule.next(old, a, b, x));
    for (std::size_t i = 0; i < lanes.size(); ++i)
      std::atomic_ref<float>(cell[i]).store(lanes[i], std::memory_order_relaxed);
  }
};

template <class M, class Access>
void run(benchmark::State& state, const M& model, const Dataset& data, std::size_t items) {
  Parameters parameters(model.layout(data));
  const StepContext context{.cells = parameters.cells(), .rate = 1e-3f};
  for (auto _ : state) detail::steps<M, Access>(&model, context, data.examples(), 0, data.size());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(items));
}

template <class Access>
void sparse(benchmark::State& state) {
  static const Dataset data = Dataset::train(
      load("builtin:spam", {.transform = TransformName::log1p, .normalize = NormalizeName::l2}));
  run<Logistic, Access>(state, Logistic(data), data, data.nonzeros());
}
template <class Access>
void dense(benchmark::State& state) {
  static const Dataset data = Dataset::train(load("builtin:ratings", {.format = Format::ratings}));
  run<MatrixFactorization<32>, Access>(state, {.data = &data}, data, data.size());
}

BENCHMARK(sparse<Plain>);
BENCHMARK(sparse<Relaxed<Sgd>>)->Name("sparse<volatile>");
BENCHMARK(sparse<AtomicCells>);
BENCHMARK(dense<Plain>);
BENCHMARK(dense<Relaxed<Sgd>>)->Name("dense<volatile>");
BENCHMARK(dense<AtomicCells>);

}  // namespace

BENCHMARK_MAIN();
