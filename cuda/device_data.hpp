// A training set in the memory of a device.
#pragma once

#include <memory>
#include <vector>

#include <sounder/data/dataset.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

class DeviceData {
 public:
  DeviceData(Device& device, const Dataset& data);

  const Examples& examples() const { return examples_; }
  const float* rarity() const { return rarity_; }

 private:
  template <class T>
  const T* upload(Device& device, Stream& stream, const T* from, std::size_t count);

  std::vector<std::shared_ptr<void>> memory_;
  Examples examples_{};
  const float* rarity_ = nullptr;
};

}  // namespace sounder::cuda
