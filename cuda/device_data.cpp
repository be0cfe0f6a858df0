#include "device_data.hpp"

namespace sounder::cuda {

template <class T>
const T* DeviceData::upload(Device& device, Stream& stream, const T* from, std::size_t count) {
  if (!from || count == 0) return nullptr;
  memory_.push_back(device.allocate(Where::device, count * sizeof(T)));
  stream.copy(memory_.back().get(), from, count * sizeof(T));
  return static_cast<const T*>(memory_.back().get());
}

DeviceData::DeviceData(Device& device, const Dataset& data) {
  const auto stream = device.stream();
  const Examples from = data.examples();
  const std::size_t entries = from.offsets ? from.offsets[from.count] : from.count * from.width;
  examples_ = {.offsets = upload(device, *stream, from.offsets, from.offsets ? from.count + 1 : 0),
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
