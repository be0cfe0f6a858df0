#include "servers.hpp"

#include <algorithm>
#include <utility>

#include "kernels/sim_vectors.hpp"
#include "tasks.hpp"

namespace sounder::cuda {
namespace {

constexpr std::size_t kPack = 4;  ///< floats: where vectors may be cut

/// Where part `number` of `count` begins.
std::size_t cut(std::size_t floats, std::size_t number, std::size_t count) {
  return std::min(floats, (floats + kPack - 1) / kPack * number / count * kPack);
}

bool all_reach(std::span<Device* const> devices) {
  bool all = true;
  for (Device* const device : devices)
    for (Device* const peer : devices)
      if (device != peer) all &= device->reach(*peer);
  return all;
}

}  // namespace

ServerPlan plan_servers(ServerPlacement asked, std::span<Device* const> devices) {
  const bool reach = all_reach(devices);
  if (asked != ServerPlacement::automatic) return {asked, "as asked"};
  if (reach) return {ServerPlacement::spread, "every GPU reaches every other"};
  return {ServerPlacement::cpu, "not every GPU reaches every other, and copies between them take the way over the host"};
}

Servers::Servers(std::vector<Device*> devices, ServerPlacement placement, std::size_t floats)
    : devices_(std::move(devices)), by_host_(placement == ServerPlacement::cpu), floats_(floats), links_(devices_.size() + 1) {
  for (Device* const device : devices_) streams_.push_back(device->stream());
  const std::size_t servers = by_host_ ? 0 : placement == ServerPlacement::gpu ? 1 : devices_.size();
  for (std::size_t i = 0; i < servers; ++i) {
    const std::size_t begin = cut(floats, i, servers), end = cut(floats, i + 1, servers);
    parts_.push_back({begin, end - begin, nullptr});
  }
}

Carried Servers::reduce(std::span<float* const> vectors) {
  if (by_host_) {
    float* const all = host_memory(devices_.size());
    for (std::size_t i = 0; i < devices_.size(); ++i) copy(host(), i, all + i * floats_, vectors[i], floats_);
    const Carried carried = finish();
    add_on_host();
    return carried;
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Part& part = parts_[i];
    const std::size_t each = (part.floats + kPack - 1) / kPack * kPack;
    if (!part.others) part.others = devices_[i]->allocate(Where::device, each * (devices_.size() - 1) * sizeof(float));
    VectorSum sum{.to = vectors[i] + part.begin, .from = {}, .count = static_cast<int>(devices_.size()), .floats = part.floats};
    sum.from[i] = sum.to;
    auto* room = static_cast<float*>(part.others.get());
    for (std::size_t k = 1; k < devices_.size(); ++k) {
      const std::size_t peer = (i + k) % devices_.size();  // each server begins with another one, so that no link is asked by all at once
      copy(i, peer, room, vectors[peer] + part.begin, part.floats);
      sum.from[peer] = room;
      room += each;
    }
    if (sum.count > 1) streams_[i]->add_up(sum);
  }
  return finish();
}

Carried Servers::broadcast(std::span<float* const> vectors) {
  hand_out(static_cast<const float*>(host_.get()), vectors);
  return finish();
}

float* Servers::collect(std::span<float* const> vectors) {
  if (by_host_) return host_memory(devices_.size());
  float* const sum = host_memory(1);
  for (std::size_t i = 0; i < parts_.size(); ++i) copy(host(), i, sum + parts_[i].begin, vectors[i] + parts_[i].begin, parts_[i].floats);
  finish();
  return sum;
}

void Servers::distribute(const float* from, std::span<float* const> vectors) {
  for (std::size_t i = 0; i < parts_.size(); ++i) copy(i, host(), vectors[i] + parts_[i].begin, from + parts_[i].begin, parts_[i].floats);
  // All wait for all servers before any of them goes on: else each would wait for what the ones before it have to copy as well.
  for (std::size_t i = 0; i < devices_.size(); ++i)
    for (std::size_t server = 0; server < parts_.size(); ++server)
      if (server != i) streams_[i]->follow(*streams_[server]);
  hand_out(from, vectors);
  finish();
}

/// `from`: where the sum is if the host serves.
void Servers::hand_out(const float* from, std::span<float* const> vectors) {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (by_host_) copy(i, host(), vectors[i], from, floats_);
    for (std::size_t k = 0; k < parts_.size(); ++k) {
      const std::size_t server = (i + k) % parts_.size();
      const Part& part = parts_[server];
      if (server != i) copy(i, server, vectors[i] + part.begin, vectors[server] + part.begin, part.floats);
    }
  }
}

/// By the stream of the device that receives, or of the one that sends to the host.
void Servers::copy(std::size_t to_device, std::size_t from_device, float* to, const float* from, std::size_t floats) {
  const std::size_t bytes = floats * sizeof(float);
  if (bytes == 0) return;
  links_[to_device].in += bytes;
  links_[from_device].out += bytes;
  if (to_device == host())
    streams_[from_device]->copy(to, from, bytes);
  else if (from_device == host())
    streams_[to_device]->copy(to, from, bytes);
  else
    streams_[to_device]->copy_from(*devices_[from_device], to, from, bytes);
}

float* Servers::host_memory(std::size_t vectors) {
  if (!host_) host_ = devices_[0]->allocate(Where::pinned, vectors * floats_ * sizeof(float));
  return static_cast<float*>(host_.get());
}

/// The vector of device 0 becomes the sum; as many threads as there are devices add up a part each.
void Servers::add_on_host() {
  auto* const all = static_cast<float*>(host_.get());
  const std::size_t count = devices_.size();
  const auto add_part = [&](std::size_t number) {
    const std::size_t begin = cut(floats_, number, count), end = cut(floats_, number + 1, count);
    VectorSum sum{.to = all + begin, .from = {}, .count = static_cast<int>(count), .floats = end - begin};
    for (std::size_t i = 0; i < count; ++i) sum.from[i] = all + i * floats_ + begin;
    play_add_up(sum);
  };
  std::vector<std::unique_ptr<Task>> tasks;
  for (std::size_t number = 1; number < count; ++number) tasks.push_back(std::make_unique<Task>([&, number] { add_part(number); }));
  add_part(0);
  std::exception_ptr error;
  for (const auto& task : tasks) task->join(error);
  if (error) std::rethrow_exception(error);
}

Carried Servers::finish() {
  for (const auto& stream : streams_) stream->wait();
  Carried carried;
  for (const Link& link : std::exchange(links_, std::vector<Link>(links_.size()))) {
    carried.busiest = std::max({carried.busiest, link.in, link.out});
    carried.all += link.in;
  }
  return carried;
}

}  // namespace sounder::cuda
