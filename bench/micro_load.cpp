// How fast examples are read: micro_load FILE [libsvm text], bytes of the file a second. The first call is shown by
// itself: it pays for the first touch of the memory.
#include <chrono>
#include <cstdio>
#include <filesystem>

#include <benchmark/benchmark.h>

#include <sounder/data/dataset.hpp>
#include <sounder/data/load.hpp>
#include <sounder/error.hpp>

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2) return std::fprintf(stderr, "micro_load FILE: give one file of libsvm text\n"), 2;
  const std::string path = argv[1];
  try {
    const auto begin = std::chrono::steady_clock::now();
    const sounder::Columns columns = sounder::load(path);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
    std::printf("first call: %.0f MB/s\n", static_cast<double>(bytes) / seconds / 1e6);

    benchmark::RegisterBenchmark("load", [&](benchmark::State& state) {
      for (auto _ : state) benchmark::DoNotOptimize(sounder::load(path));
      state.SetBytesProcessed(state.iterations() * bytes);
    })->UseRealTime();
    benchmark::RegisterBenchmark("Dataset::train", [&](benchmark::State& state) {
      for (auto _ : state) benchmark::DoNotOptimize(sounder::Dataset::train(columns));
      state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(columns.nonzeros()));
    })->UseRealTime();
    benchmark::RunSpecifiedBenchmarks();
  } catch (const sounder::Error& error) {
    return std::fprintf(stderr, "micro_load: %s\n", error.what()), 2;
  }
}
