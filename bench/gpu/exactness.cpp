// What is promised of updates, held exactly: sums of ones.
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <sounder/params/shared_cell.hpp>

#include "gpu/measurements.hpp"
#include "gpu/raw.hpp"

namespace sounder::cuda {
namespace {

constexpr int kThreads = 4;  ///< of the CPU

/// Adds 1 `times` to all odd words, each thread owning a part of them, by relaxed loads and stores.
void add_to_odd_words(float* words, std::size_t count, int times) {
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([=] {
      for (int round = 0; round < times; ++round)
        for (std::size_t i = 2 * t + 1; i < count; i += 2 * kThreads)
          shared_cell::put<float>(words + i, shared_cell::get<float>(words + i) + 1.f);
    });
  for (auto& thread : threads) thread.join();
}

struct Wrong {
  std::size_t odd = 0, even = 0;
};
Wrong wrong_words(const std::vector<float>& words, float odd, float even) {
  Wrong wrong;
  for (std::size_t i = 0; i < words.size(); ++i) (i % 2 ? wrong.odd : wrong.even) += words[i] != (i % 2 ? odd : even);
  return wrong;
}
void report(Bench& bench, const std::string& name, const Wrong& wrong) {
  bench.report.add({.name = name, .value = static_cast<double>(wrong.odd + wrong.even), .unit = "wrong words",
                    .note = fmt::format("of the CPU {}, of the GPU {}", wrong.odd, wrong.even), .wrong = wrong.odd + wrong.even > 0});
}

/// One copy that both touch at the same time.
void in_place(Bench& bench, const char* name, Where where, bool adds) {
  const auto count = static_cast<std::size_t>(std::max(4096., bench.scale * 0x1p18));
  const int cpu_times = bench.scale < 1 ? 20 : 400, gpu_times = bench.scale < 1 ? 5 : 100;
  const auto memory = bench.device.allocate(where, count * sizeof(float));
  auto* const words = static_cast<float*>(memory.get());
  raw::add_to_even_words(words, count, gpu_times, adds);
  add_to_odd_words(words, count, cpu_times);
  raw::finish();
  const std::vector<float> all(words, words + count);
  report(bench, fmt::format("exact {}, GPU {}", name, adds ? "adds" : "loads and stores"),
         wrong_words(all, static_cast<float>(cpu_times), static_cast<float>(gpu_times)));
}

/// The GPU adds to the mirror, the CPU to the master, while both are reconciled.
void mirrored(Bench& bench, const char* name, Where where) {
  const std::size_t blocks = bench.scale < 1 ? 64 : 4096, count = blocks * kBlockFloats;
  const int cpu_times = bench.scale < 1 ? 20 : 400, gpu_times = bench.scale < 1 ? 5 : 100;
  const auto master = bench.device.allocate(where, count * sizeof(float));
  const auto mirror = bench.device.allocate(Where::device, count * sizeof(float));
  const auto kept = bench.device.allocate(Where::device, blocks * sizeof(GuardedSumBlock));
  const auto stream = bench.device.stream(true);
  Exchanged what;
  what.master = static_cast<float*>(master.get());
  what.mirror = static_cast<float*>(mirror.get());
  what.blocks = static_cast<GuardedSumBlock*>(kept.get());
  what.last = blocks;
  what.rule = MergeRule::sum;
  stream->refresh(what);
  stream->wait();
  std::atomic<bool> ended = false;
  int exchanges = 0;
  std::thread exchanger([&] {
    while (!ended) stream->reconcile(what), stream->wait(), ++exchanges;
  });
  raw::add_to_even_words(what.mirror, count, gpu_times, true);
  add_to_odd_words(what.master, count, cpu_times);
  raw::finish();
  ended = true;
  exchanger.join();
  for (int i = 0; i < 2; ++i) stream->reconcile(what), stream->wait();
  const std::vector<float> of_master(what.master, what.master + count);
  std::vector<float> of_mirror(count);
  stream->copy(of_mirror.data(), what.mirror, count * sizeof(float));
  stream->wait();
  report(bench, fmt::format("exact mirror of {}, the master", name), wrong_words(of_master, static_cast<float>(cpu_times), static_cast<float>(gpu_times)));
  report(bench, fmt::format("exact mirror of {}, the mirror after {} exchanges", name, exchanges),
         wrong_words(of_mirror, static_cast<float>(cpu_times), static_cast<float>(gpu_times)));
}

}  // namespace

void measure_conservation(Bench& bench) {
  const int blocks = bench.scale < 1 ? 4 : bench.device.caps().multiprocessors * 4, times = 20;
  const double expected = 256. * blocks * times;  // below 2^24: floats count exactly
  const auto memory = bench.device.allocate(Where::device, 64 * sizeof(float));
  const auto stream = bench.device.stream();
  auto* const words = static_cast<float*>(memory.get());
  for (const bool adds : {true, false}) {
    raw::fill(words, 64, 0.f, 0.f, 1);
    raw::add_to_same_words(words, times, adds, blocks);
    raw::finish();
    float result[64];
    stream->copy(result, words, sizeof result);
    stream->wait();
    double kept = 0;
    bool exact = true;
    for (const float x : result) kept += static_cast<double>(x) / (64 * expected), exact = exact && static_cast<double>(x) == expected;
    bench.report.add({.name = adds ? "kept by adds to the same words" : "kept by loads and stores to the same words", .value = 100 * kept, .unit = "%",
                      .note = exact ? "exact" : "", .wrong = adds && !exact});
  }
}

void measure_exactness(Bench& bench) {
  in_place(bench, "pinned", Where::pinned, false);
  in_place(bench, "pinned", Where::pinned, true);
  mirrored(bench, "pinned", Where::pinned);
  if (!bench.device.caps().concurrent_managed_access) return;
  in_place(bench, "host", Where::host, false);
  in_place(bench, "host", Where::host, true);
  mirrored(bench, "host", Where::host);
}

}  // namespace sounder::cuda
