// The library's kernels on synthetic data made on the GPU, against the same accesses without arithmetic.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/model/logistic.hpp>
#include <sounder/model/mf.hpp>
#include <sounder/params/merge/guarded_sum.hpp>

#include "gpu/measurements.hpp"
#include "gpu/raw.hpp"

namespace sounder::cuda {
namespace {

constexpr std::size_t kChunk = 4096;
constexpr int kEpochs = 3;

/// Memory of the GPU for `count` T.
template <class T>
class Array {
 public:
  Array(Device& device, std::size_t count) : memory_(device.allocate(Where::device, count * sizeof(T))) {}
  T* get() const { return static_cast<T*>(memory_.get()); }

 private:
  std::shared_ptr<void> memory_;
};

std::size_t scaled(double full, double scale, std::size_t least) { return std::max(least, static_cast<std::size_t>(full * scale)); }

/// Millions of examples that a kernel steps on in a second: the median of some epochs, each of segments of some milliseconds as in
/// training. `order`: 0, 1, 2, ...
double millions_a_second(Bench& bench, const StepProgram& program, const void* model, Segment segment, const std::uint32_t* order) {
  const auto stream = bench.device.stream();
  const std::size_t chunks = (segment.examples.count + kChunk - 1) / kChunk, at_once = std::min<std::size_t>(chunks, 2048);
  segment.order = order;
  segment.per_chunk = kChunk;
  segment.groups = bench.workers(program.lanes);
  double seconds[kEpochs];
  for (int epoch = -1; epoch < kEpochs; ++epoch) {  // the first is not counted
    const auto begin = std::chrono::steady_clock::now();
    for (segment.first = 0; segment.first < chunks; segment.first += at_once) {
      segment.chunks = std::min(at_once, chunks - segment.first);
      stream->step(program, model, segment);
    }
    stream->wait();
    if (epoch >= 0) seconds[epoch] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  std::nth_element(seconds, seconds + kEpochs / 2, seconds + kEpochs);
  return static_cast<double>(segment.examples.count) / seconds[kEpochs / 2] / 1e6;
}

Array<std::uint32_t> order_of(Bench& bench, std::size_t examples) {
  std::vector<std::uint32_t> order((examples + kChunk - 1) / kChunk);
  std::iota(order.begin(), order.end(), 0u);
  Array<std::uint32_t> on_device(bench.device, order.size());
  raw::copy(on_device.get(), order.data(), order.size() * sizeof(std::uint32_t));
  raw::finish();
  return on_device;
}

template <class M>
StepProgram program_of(Bench& bench, UpdateName update, double nonzeros, StorageName storage = StorageName::f32) {
  Kernel kernel;
  kernel.type = &typeid(M);
  return bench.device.program(kernel, {.update = update, .nonzeros = nonzeros, .storage = storage});
}

std::string note_of(std::uint64_t bad) { return bad ? fmt::format("{} parameters are no finite numbers", bad) : ""; }

/// The same with rows of 16 bits a cell: half of the bytes. They begin as what `factors`, which the segment trains on, rounds to, and end there.
template <int kWidth>
void narrow_mf(Bench& bench, const Segment& of_floats, float* factors, std::size_t users, std::size_t items, const std::uint32_t* order, double racy, double red) {
  const std::size_t floats = ((users + items) * kWidth + kBlockFloats - 1) / kBlockFloats * kBlockFloats;
  const Array<std::uint16_t> rows(bench.device, floats);
  const Array<std::uint16_t> left(bench.device, floats);
  const Array<GuardedSumBlock> blocks(bench.device, floats / kBlockFloats);
  const MatrixFactorization<kWidth> model{.l2 = 0.02f};
  for (const StorageName storage : {StorageName::bf16, StorageName::f16})
    for (const UpdateName update : {UpdateName::racy, UpdateName::red}) {
      raw::fill(factors, (users + items) * kWidth, -0.1f, 0.1f, 5);
      raw::fill(reinterpret_cast<float*>(blocks.get()), floats / kBlockFloats * sizeof(GuardedSumBlock) / sizeof(float), 0, 0, 1);
      raw::finish();
      const Exchanged both{.master = factors, .mirror = reinterpret_cast<float*>(rows.get()), .blocks = blocks.get(), .first = 0,
                           .last = floats / kBlockFloats, .storage = storage, .left = left.get()};
      const auto stream = bench.device.stream();
      stream->refresh(both);
      stream->wait();
      Segment segment = of_floats;
      std::uint16_t* const tables[] = {rows.get(), rows.get() + users * kWidth};
      for (int i = 0; i < 2; ++i) segment.cells.read[i] = segment.cells.write[i] = reinterpret_cast<float*>(tables[i]);
      const double speed = millions_a_second(bench, program_of<MatrixFactorization<kWidth>>(bench, update, 2, storage), &model, segment, order);
      stream->reconcile(both);
      stream->wait();
      bench.report.add({.name = fmt::format("mf {} {}, {}", kWidth, name_of(kUpdates, update), name_of(kStorages, storage)), .value = speed,
                        .unit = "M ratings/s", .least = storage == StorageName::bf16 ? 2600. : 0.,
                        .note = fmt::format("{:.2f} times floats{}", speed / (update == UpdateName::racy ? racy : red),
                                            note_of(raw::not_finite(factors, (users + items) * kWidth)))});
    }
}

template <int kWidth>
void mf(Bench& bench, const Array<std::uint32_t>& ids, const Array<float>& labels, std::size_t count, std::size_t users, std::size_t items,
        double least, double least_of_roof) {
  const Array<float> factors(bench.device, (users + items) * kWidth + kPageFloats);
  float* const p = factors.get();
  float* const q = p + users * kWidth;
  float* const mean = q + items * kWidth;
  const auto order = order_of(bench, count);
  const auto start = [&] {
    raw::fill(p, (users + items) * kWidth, -0.1f, 0.1f, 5);
    raw::fill(mean, 1, 3.6f, 3.6f, 6);
  };
  start();
  const int blocks = bench.device.caps().multiprocessors * 6;
  const auto roof_of = [&](bool system_scope) {
    const double ms = raw::milliseconds([&] { raw::touch_rows(kWidth, system_scope, p, q, ids.get(), labels.get(), count, blocks); }, 3);
    return static_cast<double>(count) / ms / 1e3;
  };
  const std::string roof = fmt::format("touch rows {}", kWidth);
  const double bound = roof_of(false);
  bench.report.add({.name = roof, .value = bound, .unit = "M ratings/s", .note = fmt::format("{:.0f} GB/s of rows", bound * kWidth * 16 / 1e3)});
  if (kWidth == 128) {
    const double at_system = roof_of(true);
    bench.report.add({.name = "touch rows 128, system scope", .value = at_system, .unit = "M ratings/s", .roof = roof, .of_roof = at_system / bound});
  }
  const MatrixFactorization<kWidth> model{.l2 = 0.02f};
  Segment segment{.cells = {}, .examples = {.offsets = nullptr, .ids = ids.get(), .values = nullptr, .labels = labels.get(), .width = 2, .count = count}, .rate = 0.01f};
  float* const tables[] = {p, q, mean};
  for (int i = 0; i < 3; ++i) segment.cells.read[i] = segment.cells.write[i] = tables[i];
  double racy = 0, red = 0;
  for (const UpdateName update : {UpdateName::racy, UpdateName::red}) {
    start();
    const double speed = millions_a_second(bench, program_of<MatrixFactorization<kWidth>>(bench, update, 2), &model, segment, order.get());
    (update == UpdateName::racy ? racy : red) = speed;
    std::string note = note_of(raw::not_finite(p, (users + items) * kWidth));
    if (update == UpdateName::red) note += fmt::format("{:.1f} % of racy", 100 * speed / racy);
    bench.report.add({.name = fmt::format("mf {} {}", kWidth, name_of(kUpdates, update)), .value = speed, .unit = "M ratings/s", .roof = roof,
                      .of_roof = speed / bound, .least = update == UpdateName::racy ? least : 0.85 * racy,
                      .least_of_roof = update == UpdateName::racy ? least_of_roof : 0, .note = note});
  }
  if (kWidth == 128) narrow_mf<kWidth>(bench, segment, p, users, items, order.get(), racy, red);
}

}  // namespace

void measure_mf(Bench& bench) {
  const std::size_t users = scaled(480'189, bench.scale, 64), items = scaled(17'770, bench.scale, 64), count = scaled(99e6, bench.scale, 20'000);
  const Array<std::uint32_t> ids(bench.device, 2 * count);
  const Array<float> labels(bench.device, count);
  raw::ratings(ids.get(), count, static_cast<std::uint32_t>(users), static_cast<std::uint32_t>(items));
  raw::fill(labels.get(), count, 1.f, 5.f, 7);
  raw::finish();
  mf<128>(bench, ids, labels, count, users, items, 1300, 0.8);
  mf<32>(bench, ids, labels, count, users, items, 4000, 0);
}

void measure_logistic(Bench& bench) {
  constexpr std::size_t kNonzeros = 73, kFeatures = 47'236;
  const std::size_t rows = scaled(5e6, bench.scale, 4000), nonzeros = rows * kNonzeros;
  const Array<std::uint32_t> ids(bench.device, nonzeros);
  const Array<float> values(bench.device, nonzeros), labels(bench.device, rows), weights(bench.device, kFeatures + kPageFloats);
  const Array<std::uint64_t> offsets(bench.device, rows + 1);
  raw::fill(values.get(), nonzeros, 0.05f, 0.2f, 8);
  raw::signs(labels.get(), rows);
  raw::multiples(offsets.get(), rows + 1, kNonzeros);
  const auto order = order_of(bench, rows);
  float* const intercept = weights.get() + kFeatures;
  for (const bool zipf : {false, true}) {
    const char* const ids_are = zipf ? "zipf" : "uniform";
    raw::features(ids.get(), nonzeros, kFeatures, zipf);
    raw::fill(weights.get(), kFeatures + 1, 0.f, 0.f, 9);
    const double ms = raw::milliseconds([&] { raw::gather_add(weights.get(), ids.get(), values.get(), nonzeros, bench.device.caps().multiprocessors * 8); }, 3);
    const double bound = static_cast<double>(nonzeros) / ms / 1e3;
    const std::string roof = fmt::format("gather and add, {}", ids_are);
    bench.report.add({.name = roof, .value = bound, .unit = "M nonzeros/s"});
    Segment segment{.cells = {}, .examples = {.offsets = offsets.get(), .ids = ids.get(), .values = values.get(), .labels = labels.get(), .width = 0, .count = rows},
                    .rate = 0.1f};
    segment.cells.read[0] = segment.cells.write[0] = weights.get();
    segment.cells.read[1] = segment.cells.write[1] = intercept;
    const Logistic model;
    for (const UpdateName update : {UpdateName::racy, UpdateName::red}) {
      raw::fill(weights.get(), kFeatures + 1, 0.f, 0.f, 9);
      const double speed = kNonzeros * millions_a_second(bench, program_of<Logistic>(bench, update, kNonzeros), &model, segment, order.get());
      const bool bar = update == UpdateName::red && !zipf;
      bench.report.add({.name = fmt::format("logistic {}, {}", name_of(kUpdates, update), ids_are), .value = speed, .unit = "M nonzeros/s", .roof = roof,
                        .of_roof = speed / bound, .least = bar ? 25e3 : 0, .least_of_roof = bar ? 0.5 : 0,
                        .note = note_of(raw::not_finite(weights.get(), kFeatures + 1))});
    }
  }
}

}  // namespace sounder::cuda
