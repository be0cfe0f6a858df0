// Mini-batches of a multilayer perceptron: what streams that train at the same time are worth.
#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/model/mlp.hpp>

#include "device/cuda/cublas.hpp"
#include "gpu/measurements.hpp"
#include "gpu/raw.hpp"

namespace sounder::cuda {
namespace {

constexpr std::size_t kInputs = 784, kExamples = 60'000, kChunk = 1024;
constexpr int kWidth = 64;

/// Memory of the GPU for so many T.
template <class T>
T* take(Bench& bench, std::vector<std::shared_ptr<void>>& memory, std::size_t count) {
  memory.push_back(bench.device.allocate(Where::device, count * sizeof(T)));
  return static_cast<T*>(memory.back().get());
}

/// Thousands of examples a second of streams that go over all examples, each once: the median of three times.
double thousands_a_second(Bench& bench, const BatchShape& shape, Segment segment, int streams) {
  std::vector<std::unique_ptr<Stream>> of;
  std::vector<std::unique_ptr<Batches>> batches;
  for (int i = 0; i < streams; ++i) {
    of.push_back(bench.device.stream());
    batches.push_back(of.back()->batches(bench.device, shape, segment.cells));
  }
  const auto epoch = [&](std::size_t stream) {
    Segment own = segment;
    own.first = segment.chunks * stream / of.size();
    own.chunks = segment.chunks * (stream + 1) / of.size() - own.first;
    batches[stream]->run(own);
    of[stream]->wait();
  };
  double seconds[3];
  for (int time = -1; time < 3; ++time) {  // the first is not counted
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < of.size(); ++i) threads.emplace_back(epoch, i);
    for (std::thread& thread : threads) thread.join();
    if (time >= 0) seconds[time] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  std::sort(seconds, seconds + 3);
  return static_cast<double>(segment.examples.count) / seconds[1] / 1e3;
}

}  // namespace

void measure_mlp(Bench& bench) {
  try {
    cublas();
  } catch (const Error& missing) {
    return bench.report.add({.name = "mlp", .value = 0, .unit = "K examples/s", .note = fmt::format("skipped: {}", missing.what())});
  }
  const std::size_t examples = std::max<std::size_t>(kChunk, static_cast<std::size_t>(kExamples * bench.scale));
  std::vector<std::shared_ptr<void>> memory;
  auto* const values = take<float>(bench, memory, examples * kInputs);
  auto* const labels = take<float>(bench, memory, examples);
  const std::size_t sizes[] = {kInputs * kWidth, kWidth, (kWidth + 1) * mlp::kClasses};
  std::size_t chunks = (examples + kChunk - 1) / kChunk;
  std::vector<std::uint32_t> order(chunks);
  std::iota(order.begin(), order.end(), 0u);
  auto* const order_there = take<std::uint32_t>(bench, memory, chunks);
  raw::copy(order_there, order.data(), chunks * sizeof(std::uint32_t));
  raw::fill(values, examples * kInputs, 0.f, 1.f, 21);
  raw::fill(labels, examples, 0.f, 9.99f, 22);  // of ten classes: whole parts count
  Segment segment{.cells = {}, .examples = {.offsets = nullptr, .ids = nullptr, .values = values, .labels = labels, .width = kInputs, .count = examples},
                  .order = order_there, .chunks = chunks, .per_chunk = kChunk, .rate = 1e-5f};
  for (std::size_t i = 0; i < 3; ++i) {
    float* const table = take<float>(bench, memory, sizes[i]);
    raw::fill(table, sizes[i], -0.1f, 0.1f, 23 + static_cast<std::uint32_t>(i));
    segment.cells.read[i] = segment.cells.write[i] = table;
  }
  raw::finish();
  for (const int batch : {16, 256}) {
    const BatchShape shape{.batch = batch, .inputs = static_cast<int>(kInputs), .width = kWidth, .classes = 10};
    double alone = 0;
    for (const int streams : {1, 8}) {
      const double speed = thousands_a_second(bench, shape, segment, streams);
      if (streams == 1) alone = speed;
      bench.report.add({.name = fmt::format("mlp 784-64-10, {} streams of {}", streams, batch), .value = speed, .unit = "K examples/s",
                        .least = streams == 8 && batch == 16 ? 2 * alone : 0.,
                        .note = fmt::format("{:.2f} times one stream{}", speed / alone, raw::not_finite(segment.cells.read[0], sizes[0]) ? ", not finite" : "")});
    }
  }
}

}  // namespace sounder::cuda
