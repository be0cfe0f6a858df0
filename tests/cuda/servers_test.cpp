// The parameter servers of one machine: the same sum in every placement, and every copy that is left out shows.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include <sounder/error.hpp>

#include "forwarding.hpp"
#include "hybrid.hpp"
#include "servers.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;
using cuda::ServerPlacement;

namespace {

constexpr std::array kPlacements{ServerPlacement::cpu, ServerPlacement::gpu, ServerPlacement::spread};

/// What goes wrong on some devices.
struct Fault {
  int forgotten = -1;       ///< number of the copy that is not made, of all
  bool unordered = false;   ///< no stream waits for another
  bool slow_host = false;   ///< what comes from the host comes late
  bool apart = false;       ///< no device reaches another
  int copies = 0;           ///< so far
};

class Faulty final : public ForwardingDevice {
 public:
  explicit Faulty(Fault& fault) : fault_(fault) {}
  std::unique_ptr<cuda::Stream> stream(bool urgent) override { return std::make_unique<FaultyStream>(real_->stream(urgent), fault_); }
  bool reach(cuda::Device& peer) override { return !fault_.apart && ForwardingDevice::reach(peer); }

 private:
  struct FaultyStream final : ForwardingStream {
    FaultyStream(std::unique_ptr<cuda::Stream> real, Fault& fault) : ForwardingStream(std::move(real)), fault_(fault) {}
    void copy(void* to, const void* from, std::size_t bytes) override {
      if (fault_.copies++ == fault_.forgotten) return;
      const auto sleep = [](const void*, const cuda::Segment&, void*) { std::this_thread::sleep_for(std::chrono::milliseconds(30)); };
      if (fault_.slow_host) real_->step({.start = sleep}, nullptr, {});
      real_->copy(to, from, bytes);
    }
    void copy_from(cuda::Device& peer, void* to, const void* from, std::size_t bytes) override {
      if (fault_.copies++ != fault_.forgotten) ForwardingStream::copy_from(peer, to, from, bytes);
    }
    void follow(cuda::Stream& other) override {
      if (!fault_.unordered) ForwardingStream::follow(other);
    }
    Fault& fault_;
  };
  Fault& fault_;
};

using Devices = std::vector<std::unique_ptr<cuda::Device>>;

Devices emulated(std::size_t count) {
  Devices devices;
  while (devices.size() < count) devices.push_back(cuda::make_emulated_device());
  return devices;
}
Devices faulty(std::size_t count, Fault& fault) {
  Devices devices;
  while (devices.size() < count) devices.push_back(std::make_unique<Faulty>(fault));
  return devices;
}
std::vector<cuda::Device*> pointers(const Devices& devices) {
  std::vector<cuda::Device*> all;
  for (const auto& device : devices) all.push_back(device.get());
  return all;
}

/// A vector in the memory of each device, behind the back of what a test counts.
class Vectors {
 public:
  Vectors(const Devices& devices, std::size_t floats) : floats_(floats) {
    for (const auto& device : devices) {
      auto* const forwarding = dynamic_cast<ForwardingDevice*>(device.get());
      streams_.push_back((forwarding ? forwarding->real_ : device)->stream());
      memory_.push_back(device->allocate(cuda::Where::device, floats * sizeof(float)));
      addresses_.push_back(static_cast<float*>(memory_.back().get()));
    }
  }
  const std::vector<float*>& operator*() const { return addresses_; }
  void put(std::size_t device, const std::vector<float>& values) { copy(device, addresses_[device], values.data()); }
  std::vector<float> get(std::size_t device) {
    std::vector<float> values(floats_);
    copy(device, values.data(), addresses_[device]);
    return values;
  }

 private:
  void copy(std::size_t device, void* to, const void* from) {
    if (floats_ == 0) return;
    streams_[device]->copy(to, from, floats_ * sizeof(float));
    streams_[device]->wait();
  }

  std::size_t floats_;
  std::vector<std::shared_ptr<void>> memory_;
  std::vector<float*> addresses_;
  std::vector<std::unique_ptr<cuda::Stream>> streams_;
};

/// Whose sums round, and differ with their order.
std::vector<float> values_of(std::size_t device, std::size_t floats) {
  std::vector<float> values(floats);
  for (std::size_t i = 0; i < floats; ++i) values[i] = static_cast<float>(static_cast<double>((i * 7919 + device * 104729) % 65521) / (device == 1 ? 3e-4 : 7.1));
  return values;
}
std::vector<float> reference(std::size_t devices, std::size_t floats) {
  std::vector<float> sum = values_of(0, floats);
  for (std::size_t device = 1; device < devices; ++device) {
    const std::vector<float> values = values_of(device, floats);
    for (std::size_t i = 0; i < floats; ++i) sum[i] += values[i];
  }
  return sum;
}

bool same_bits(std::span<const float> a, std::span<const float> b) { return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0); }

/// Whether all is where it should be: sums on all devices and on the host, then parameters on all devices.
struct Held {
  bool sums = true, collected = true, distributed = true;
  bool any_nan = false;  ///< in a sum
};
Held held_after(const Devices& devices, ServerPlacement placement, std::size_t floats) {
  Vectors vectors(devices, floats);
  for (std::size_t i = 0; i < devices.size(); ++i) vectors.put(i, values_of(i, floats));
  cuda::Servers servers(pointers(devices), placement, floats);
  const std::vector<float> expected = reference(devices.size(), floats);
  Held held;
  servers.reduce(*vectors);
  held.collected = same_bits({servers.collect(*vectors), floats}, expected);
  servers.broadcast(*vectors);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const std::vector<float> sum = vectors.get(i);
    held.sums &= same_bits(sum, expected);
    for (const float x : sum) held.any_nan |= std::isnan(x);
  }
  for (std::size_t i = 0; i < devices.size(); ++i) vectors.put(i, std::vector<float>(floats, std::nanf("")));
  const std::vector<float> parameters = values_of(9, floats);
  servers.distribute(parameters.data(), *vectors);
  for (std::size_t i = 0; i < devices.size(); ++i) held.distributed &= same_bits(vectors.get(i), parameters);
  return held;
}

std::size_t links_of(ServerPlacement placement, std::size_t devices, std::size_t bytes) {
  switch (placement) {
    case ServerPlacement::cpu: return devices * bytes;
    case ServerPlacement::spread: return (devices - 1) * bytes / devices;
    case ServerPlacement::gpu:
    case ServerPlacement::automatic: break;
  }
  return (devices - 1) * bytes;
}

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("servers: in every placement the sum has the bits of one that is made in order, on all devices and on the host") {
    for (const std::size_t floats : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{1000}, scaled(1'000'003, 10'003)})
      for (const std::size_t count : {1u, 2u, 3u, 4u})
        for (const ServerPlacement placement : kPlacements) {
          CAPTURE(floats);
          CAPTURE(count);
          CAPTURE(std::string(name_of(cuda::kServerPlacements, placement)));
          const Held held = held_after(emulated(count), placement, floats);
          CHECK(held.sums);
          CHECK(held.collected);
          CHECK(held.distributed);
        }
    if (const cuda::DeviceStatus status = cuda::cuda_status(); status.absence != cuda::Absence::none)
      return skip(("emulated devices ran; no other: " + status.sentence).c_str());
    Devices devices;  // more than there are play on the same GPU
    while (devices.size() < 4) devices.push_back(cuda::make_cuda_device(static_cast<int>(devices.size())));
    for (const ServerPlacement placement : kPlacements) {
      const Held held = held_after(devices, placement, 1'000'003);
      CHECK((held.sums && held.collected && held.distributed));
    }
  }

  TEST_CASE("servers: mutants: each single copy that is left out is seen; one between devices as NaN") {
    for (const ServerPlacement placement : kPlacements)
      for (const std::size_t count : {2u, 3u, 4u}) {
        CAPTURE(std::string(name_of(cuda::kServerPlacements, placement)));
        CAPTURE(count);
        Fault none;
        held_after(faulty(count, none), placement, 1000);
        REQUIRE(none.copies > 0);
        int seen_as_nan = 0;
        for (int copy = 0; copy < none.copies; ++copy) {
          CAPTURE(copy);
          Fault fault{.forgotten = copy};
          const Held held = held_after(faulty(count, fault), placement, 1000);
          CHECK_FALSE((held.sums && held.collected && held.distributed));
          seen_as_nan += held.any_nan;
        }
        // All copies to a server come from a device, but where the host serves; its memory does not begin as NaN.
        const int to_servers = static_cast<int>(placement == ServerPlacement::cpu ? 0 : placement == ServerPlacement::gpu ? count - 1 : count * (count - 1));
        CHECK(seen_as_nan == to_servers);
      }
  }

  TEST_CASE("servers: parameters go on to others when they have come; mutant: nobody waits") {
    for (const bool unordered : {false, true})
      for (const ServerPlacement placement : {ServerPlacement::gpu, ServerPlacement::spread}) {
        if (unordered && kThreadSanitizer) continue;  // it is a race, which the sanitizer would report
        Fault fault{.unordered = unordered};
        const Devices devices = faulty(3, fault);
        Vectors vectors(devices, 100);
        cuda::Servers servers(pointers(devices), placement, 100);
        fault.slow_host = true;
        const std::vector<float> parameters = values_of(9, 100);
        servers.distribute(parameters.data(), *vectors);
        bool all = true;
        for (std::size_t i = 0; i < 3; ++i) all &= same_bits(vectors.get(i), parameters);
        CHECK(all == !unordered);
      }
  }

  TEST_CASE("servers: the busiest link carries what the formulas say, each way") {
    for (const ServerPlacement placement : kPlacements)
      for (const std::size_t count : {1u, 2u, 4u}) {
        CAPTURE(std::string(name_of(cuda::kServerPlacements, placement)));
        CAPTURE(count);
        constexpr std::size_t kFloats = 4096, kBytes = kFloats * sizeof(float);
        const Devices devices = emulated(count);
        Vectors vectors(devices, kFloats);
        cuda::Servers servers(pointers(devices), placement, kFloats);
        for (const cuda::Carried& carried : {servers.reduce(*vectors), servers.broadcast(*vectors)}) {
          CHECK(carried.busiest == links_of(placement, count, kBytes));
          CHECK(carried.all == (placement == ServerPlacement::cpu ? count : count - 1) * kBytes);
        }
      }
  }

  TEST_CASE("servers: a device uses no memory of another but by copies that name it") {
    const Devices devices = emulated(3);
    const Vectors vectors(devices, 8);
    const auto stream = devices[0]->stream();
    CHECK_THROWS_AS(stream->add_up({.to = (*vectors)[0], .from = {(*vectors)[0], (*vectors)[1]}, .count = 2, .floats = 8}), Error);
    CHECK_THROWS_AS(stream->copy_from(*devices[1], (*vectors)[0], (*vectors)[2], 8), Error);
    CHECK_THROWS_AS(stream->copy_from(*devices[1], (*vectors)[1], (*vectors)[1], 8), Error);
    CHECK_THROWS_AS(stream->copy_from(*devices[1], (*vectors)[0], (*vectors)[1], 9 * sizeof(float)), Error);
    CHECK_NOTHROW(stream->copy_from(*devices[1], (*vectors)[0], (*vectors)[1], 8 * sizeof(float)));
    stream->wait();
  }

  TEST_CASE("servers: the placement is chosen by who reaches whom") {
    Fault near, far{.apart = true};
    CHECK(cuda::plan_servers(ServerPlacement::automatic, pointers(faulty(2, near))).placement == ServerPlacement::spread);
    const Devices apart = faulty(2, far);
    const cuda::ServerPlan plan = cuda::plan_servers(ServerPlacement::automatic, pointers(apart));
    CHECK(plan.placement == ServerPlacement::cpu);
    CHECK(plan.why.find("way over the host") != std::string::npos);
    CHECK(cuda::plan_servers(ServerPlacement::gpu, pointers(apart)).placement == ServerPlacement::gpu);
  }
}
