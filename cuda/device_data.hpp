// A training set in the memory of a device.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <sounder/cuda/options.hpp>
#include <sounder/data/dataset.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

/// Of the arrays of a set.
std::size_t bytes_of(const Dataset& data);

/// Bytes of a device that go with a mirror of `parameters` bytes: itself; where gradients may be gathered, their sums of b and of a; with several GPUs,
/// room for those of the others, of which --server-placement uses all or less.
std::size_t bytes_on_device(const GpuOptions& options, std::size_t parameters);

/// Bytes of a device that are left beside a mirror of `parameters` bytes and what its exchange keeps.
std::size_t free_for_data(const Caps& caps, std::size_t parameters);

/// Whether the set is to lie on the device as a whole. `parameters`: bytes of them all. Throws Error where that is asked for and cannot be.
bool is_resident(GpuDataName asked, const Caps& caps, std::size_t parameters, const Dataset& data);

class DeviceData {
 public:
  /// Not `resident`: the rarities alone.
  DeviceData(Device& device, const Dataset& data, bool resident = true);

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
