#include "device_data.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::cuda {
namespace {

constexpr double kMostResident = 0.4;  ///< of what is free: the rest is for parameters, and for who else uses the GPU

std::size_t entries_of(const Examples& x) { return x.offsets ? x.offsets[x.count] : x.count * x.width; }

}  // namespace

std::size_t bytes_of(const Dataset& data) {
  const Examples x = data.examples();
  return x.count * sizeof(float) + (x.offsets ? (x.count + 1) * sizeof(std::uint64_t) : 0) +
         entries_of(x) * ((x.ids ? sizeof(std::uint32_t) : 0) + (x.values ? sizeof(float) : 0));
}

ModelBytes bytes_of_model(const GpuOptions& options, std::size_t parameters, bool first) {
  ModelBytes bytes{.mirror = parameters + parameters * sizeof(GuardedSumBlock) / (kBlockFloats * sizeof(float))};
  if (!options.gathers) return bytes;
  const std::size_t own = 2 * parameters, others = own * static_cast<std::size_t>(options.gpus - 1);  // sums of b and of a
  bytes.sums = own;
  switch (options.server_placement) {
    case ServerPlacement::cpu: break;
    case ServerPlacement::gpu: bytes.sums += first ? others : 0; break;
    case ServerPlacement::automatic:  // one of the other two
    case ServerPlacement::spread: bytes.sums += others / static_cast<std::size_t>(options.gpus); break;
  }
  return bytes;
}

std::size_t free_for_data(const Caps& caps, const ModelBytes& model) { return caps.free_bytes - std::min(caps.free_bytes, model.all()); }

bool is_resident(GpuDataName asked, const Caps& caps, const ModelBytes& model, const Dataset& data) {
  const std::size_t free = free_for_data(caps, model), bytes = bytes_of(data);
  if (asked == GpuDataName::resident && bytes > free)
    throw Error(fmt::format("--gpu-data resident needs {} KiB for {}, more than the {} KiB that are free on {}: give --gpu-data stream", bytes >> 10,
                            data.name(), free >> 10, caps.name));
  return asked == GpuDataName::resident || (asked == GpuDataName::automatic && static_cast<double>(bytes) <= kMostResident * static_cast<double>(free));
}

template <class T>
const T* DeviceData::upload(Device& device, Stream& stream, const T* from, std::size_t count) {
  if (!from || count == 0) return nullptr;
  memory_.push_back(device.allocate(Where::device, count * sizeof(T)));
  stream.copy(memory_.back().get(), from, count * sizeof(T));
  return static_cast<const T*>(memory_.back().get());
}

DeviceData::DeviceData(Device& device, const Dataset& data, bool resident) {
  const auto stream = device.stream();
  const Examples from = data.examples();
  const std::size_t entries = entries_of(from);
  if (resident) examples_ = {.offsets = upload(device, *stream, from.offsets, from.offsets ? from.count + 1 : 0),
               .ids = upload(device, *stream, from.ids, entries),
               .values = upload(device, *stream, from.values, entries),
               .labels = upload(device, *stream, from.labels, from.count),
               .width = from.width,
               .count = from.count};
  const auto rarity = data.rarity();
  rarity_ = upload(device, *stream, rarity.data(), rarity.size());
  stream->wait();
}

}  // namespace sounder::cuda
