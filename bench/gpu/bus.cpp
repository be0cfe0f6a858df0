// Memory of the host, as kernels reach it over the bus.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "gpu/measurements.hpp"
#include "gpu/raw.hpp"

namespace sounder::cuda {
namespace {

struct Place {
  const char* name;
  Where where;
};

/// Pinned memory first: managed memory is what may fail.
std::vector<Place> places(const Bench& bench) {
  std::vector<Place> all{{"pinned", Where::pinned}};
  if (bench.device.caps().concurrent_managed_access) all.push_back({"host", Where::host});
  return all;
}

std::size_t bytes_of(const Bench& bench) {
  const auto bytes = static_cast<std::size_t>(bench.scale * 0x1p28) / 65536 * 65536;
  return std::max<std::size_t>(bytes, 65536);
}

/// GB/s of master memory that an exchange reads, of 256 MB.
void exchanges(Bench& bench, const Place& place, double read_roof) {
  const std::size_t floats = bytes_of(bench) / sizeof(float), blocks = floats / kBlockFloats;
  const auto master = bench.device.allocate(place.where, floats * sizeof(float));
  const auto mirror = bench.device.allocate(Where::device, floats * sizeof(float));
  const auto kept = bench.device.allocate(Where::device, blocks * sizeof(GuardedSumBlock));
  const auto stream = bench.device.stream(true);
  Exchanged what;
  what.master = static_cast<float*>(master.get());
  what.mirror = static_cast<float*>(mirror.get());
  what.blocks = static_cast<GuardedSumBlock*>(kept.get());
  what.last = blocks;
  for (std::size_t i = 0; i < floats; i += 7) what.master[i] = static_cast<float>(i % 1000);

  const auto timed = [&](auto prepare, auto work) {
    std::vector<double> ms;
    for (int i = 0; i < 4; ++i) {
      prepare();
      raw::finish();
      const auto begin = std::chrono::steady_clock::now();
      work();
      stream->wait();
      if (i > 0) ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::sort(ms.begin(), ms.end());
    return ms[1];
  };
  const auto add = [&](const char* name, double ms, double least_of_roof) {
    const double speed = static_cast<double>(floats) * sizeof(float) / ms / 1e6;
    bench.report.add({.name = fmt::format("{} {}", name, place.name), .value = speed, .unit = "GB/s", .roof = fmt::format("bus read {}", place.name),
                      .of_roof = speed / read_roof, .least_of_roof = least_of_roof, .note = fmt::format("{:.2f} ms for {} MiB", ms, floats >> 18)});
  };
  const auto nothing = [] {};
  add("refresh", timed(nothing, [&] { stream->refresh(what); }), 0);
  add("reconcile unchanged", timed(nothing, [&] { stream->reconcile(what); }), 0.7);
  // Each float of the mirror moves: all of the master is read and written.
  float step = 0;
  add("reconcile all changed", timed([&] { step += 1, raw::fill(what.mirror, floats, step, step + 0.5f, 11); }, [&] { stream->reconcile(what); }), 0);
  stream->reconcile(what);
  stream->wait();
  std::vector<float> copy(floats);
  stream->copy(copy.data(), what.mirror, floats * sizeof(float));
  stream->wait();
  std::size_t apart = 0;
  for (std::size_t i = 0; i < floats; ++i) apart += std::abs(copy[i] - what.master[i]) > 1e-3f;
  bench.report.add({.name = fmt::format("master and mirror differ, {}", place.name), .value = static_cast<double>(apart), .unit = "cells", .wrong = apart > 0});
}

}  // namespace

void measure_copies(Bench& bench) {
  const auto bytes = static_cast<std::size_t>(std::max(bench.scale, 1e-3) * 0x1p31) / 4096 * 4096;
  const auto from = bench.device.allocate(Where::device, bytes), to = bench.device.allocate(Where::device, bytes);
  raw::fill(static_cast<float*>(from.get()), bytes / sizeof(float), 0.f, 1.f, 12);
  const double ms = raw::milliseconds([&] { raw::copy(to.get(), from.get(), bytes); });
  bench.report.add({.name = "copy on the GPU", .value = 2 * static_cast<double>(bytes) / ms / 1e6, .unit = "GB/s", .note = "read and written"});

  const int blocks = bench.device.caps().multiprocessors * 8, times = std::max(1, static_cast<int>(1000 * bench.scale));
  for (const std::uint32_t cells : {1u << 15, 1u << 26}) {
    const double each = raw::milliseconds([&] { raw::scattered_adds(static_cast<float*>(to.get()), std::min<std::uint32_t>(cells, static_cast<std::uint32_t>(bytes / 8192) * 1024) - 1, times, blocks); }, 3);
    bench.report.add({.name = fmt::format("scattered adds to {} KiB", cells >> 8), .value = 256. * blocks * times / each / 1e6, .unit = "G adds/s"});
  }
}

void measure_bus(Bench& bench) {
  const std::size_t floats = bytes_of(bench) / sizeof(float);
  const auto sum = bench.device.allocate(Where::device, sizeof(float));
  for (const Place& place : places(bench)) {
    double read = 0;
    {
      const auto memory = bench.device.allocate(place.where, floats * sizeof(float));
      auto* const cells = static_cast<float*>(memory.get());
      for (const int blocks : {16, 132, 1056}) {
        const double speed = static_cast<double>(floats) * sizeof(float) /
                             raw::milliseconds([&] { raw::read(cells, floats, static_cast<float*>(sum.get()), blocks); }, 3) / 1e6;
        bench.report.add({.name = fmt::format("bus read {}, {} blocks", place.name, blocks), .value = speed, .unit = "GB/s"});
        read = std::max(read, speed);
      }
      bench.report.add({.name = fmt::format("bus read {}", place.name), .value = read, .unit = "GB/s", .note = "the best of these"});
      bench.report.add({.name = fmt::format("bus write {}", place.name),
                        .value = static_cast<double>(floats) * sizeof(float) / raw::milliseconds([&] { raw::write(cells, floats, 1.f, 1056); }, 3) / 1e6,
                        .unit = "GB/s"});
    }
    exchanges(bench, place, read);
  }
}

}  // namespace sounder::cuda
