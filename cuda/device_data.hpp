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

/// Bytes of a device that a model needs beside its examples.
struct ModelBytes {
  std::size_t mirror = 0;  ///< its parameters, and what an exchange keeps of them
  std::size_t sums = 0;    ///< of gradients, where these are gathered: its own, and what --server-placement brings to it of other GPUs
  std::size_t all() const { return mirror + sums; }
};
/// `parameters`: bytes of them all. `first`: of the GPUs of a rank.
ModelBytes bytes_of_model(const GpuOptions& options, std::size_t parameters, bool first = true);

/// Bytes of a device that are left for examples.
std::size_t free_for_data(const Caps& caps, const ModelBytes& model);

/// Whether the set is to lie on the device as a whole. Throws Error where that is asked for and cannot be.
bool is_resident(GpuDataName asked, const Caps& caps, const ModelBytes& model, const Dataset& data);

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
