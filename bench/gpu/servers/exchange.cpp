#include "gpu/servers/exchange.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace sounder::cuda {
namespace {

template <class F>
double seconds(F work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Small whole numbers: their sums are exact, in any order.
float value(std::size_t device, std::size_t i) { return static_cast<float>((i + 3 * device) % 1000); }

/// A vector on each device, and one in pinned memory for each.
struct Vectors {
  Vectors(const std::vector<Device*>& devices, std::size_t floats) : bytes(floats * sizeof(float)) {
    for (Device* const device : devices) {
      streams.push_back(device->stream());
      memory.push_back(device->allocate(Where::device, bytes));
      hosts.push_back(device->allocate(Where::pinned, bytes));
      on_device.push_back(static_cast<float*>(memory.back().get()));
      on_host.push_back(static_cast<float*>(hosts.back().get()));
      for (std::size_t i = 0; i < floats; ++i) on_host.back()[i] = value(on_host.size() - 1, i);
    }
    fill();
  }
  void fill() {
    for (std::size_t i = 0; i < streams.size(); ++i) streams[i]->copy(on_device[i], on_host[i], bytes);
    wait();
  }
  void wait() {
    for (const auto& stream : streams) stream->wait();
  }

  std::size_t bytes;
  std::vector<std::shared_ptr<void>> memory, hosts;
  std::vector<float*> on_device, on_host;
  std::vector<std::unique_ptr<Stream>> streams;
};

bool sums_are_right(Vectors& vectors, std::size_t floats) {
  std::vector<float> sum(floats);
  const std::size_t devices = vectors.streams.size();
  for (std::size_t device = 0; device < devices; ++device) {
    vectors.streams[device]->copy(sum.data(), vectors.on_device[device], vectors.bytes);
    vectors.streams[device]->wait();
    for (std::size_t i = 0; i < floats; ++i) {
      float expected = 0;
      for (std::size_t k = 0; k < devices; ++k) expected += value(k, i);
      if (sum[i] != expected) return false;
    }
  }
  return true;
}

}  // namespace

Links measure_links(const std::vector<Device*>& devices, std::size_t floats, int repeat) {
  Vectors vectors(devices, floats), targets(devices, floats);
  const std::size_t count = devices.size();
  const auto speed = [&](auto copy_of, std::size_t links) {
    std::vector<double> times;
    for (int i = 0; i <= repeat; ++i) {
      const double time = seconds([&] {
        for (std::size_t link = 0; link < links; ++link) copy_of(link);
        vectors.wait();
      });
      if (i > 0) times.push_back(time);
    }
    return static_cast<double>(links * vectors.bytes) / median(times);
  };
  const auto link = [&](auto copy_of) { return Link{.one = speed(copy_of, 1), .all = speed(copy_of, count)}; };
  Links links;
  links.to_host = link([&](std::size_t i) { vectors.streams[i]->copy(vectors.on_host[i], vectors.on_device[i], vectors.bytes); });
  links.from_host = link([&](std::size_t i) { vectors.streams[i]->copy(vectors.on_device[i], vectors.on_host[i], vectors.bytes); });
  if (count == 1) return links;
  links.between = link([&](std::size_t i) {
    const std::size_t peer = (i + 1) % count;
    vectors.streams[i]->copy_from(*devices[peer], targets.on_device[i], vectors.on_device[peer], vectors.bytes);
  });
  return links;
}

double measure_adding(Device& device, std::size_t floats, int vectors, int repeat) {
  std::vector<std::shared_ptr<void>> memory;
  VectorSum sum{.to = nullptr, .from = {}, .count = vectors, .floats = floats};
  const auto stream = device.stream();
  for (int i = 0; i < vectors; ++i) {
    memory.push_back(device.allocate(Where::device, floats * sizeof(float)));
    sum.from[i] = static_cast<float*>(memory.back().get());
    stream->clear(memory.back().get(), floats * sizeof(float));
  }
  sum.to = static_cast<float*>(memory[0].get());
  std::vector<double> times;
  for (int i = 0; i < repeat; ++i)
    times.push_back(seconds([&] {
      stream->add_up(sum);
      stream->wait();
    }));
  return median(times);
}

Formula formula_of(ServerPlacement placement, double n) {
  switch (placement) {
    case ServerPlacement::cpu: return {"2 n", n};
    case ServerPlacement::gpu: return {"2 (n - 1)", n - 1};
    case ServerPlacement::spread:
    case ServerPlacement::automatic: break;
  }
  return {"2 (n - 1) / n", (n - 1) / n};
}

std::vector<Exchange> measure_exchanges(const std::vector<Device*>& devices, std::size_t floats, int repeat) {
  Vectors vectors(devices, floats);
  std::vector<Exchange> all;
  std::vector<Servers> servers;
  for (const ServerPlacement placement : {ServerPlacement::cpu, ServerPlacement::gpu, ServerPlacement::spread}) {
    all.push_back({placement, 0, 0, {}, true});
    servers.emplace_back(devices, placement, floats);
  }
  std::vector<std::array<std::vector<double>, 2>> times(all.size());
  for (int round = 0; round <= repeat; ++round)
    for (std::size_t i = 0; i < all.size(); ++i) {
      vectors.fill();
      const double reduce = seconds([&] { all[i].carried = servers[i].reduce(vectors.on_device); });
      const double broadcast = seconds([&] { servers[i].broadcast(vectors.on_device); });
      if (round == 0) {  // memory is touched for the first time
        all[i].right = sums_are_right(vectors, floats);
        continue;
      }
      times[i][0].push_back(reduce);
      times[i][1].push_back(broadcast);
    }
  for (std::size_t i = 0; i < all.size(); ++i) all[i].reduce_seconds = median(times[i][0]), all[i].broadcast_seconds = median(times[i][1]);
  return all;
}

}  // namespace sounder::cuda
