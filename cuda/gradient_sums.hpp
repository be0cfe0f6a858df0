// Where the kernels of a device add up gradients, and the way of these to the host.
#pragma once

#include <cstddef>
#include <memory>

#include <sounder/params/parameters.hpp>
#include <sounder/train/gatherer.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

/// As large as the weights, twice: sums of b * x, and behind them those of a.
class GradientSums {
 public:
  GradientSums(Device& device, const Parameters& parameters);

  /// Forgets all.
  void clear(Stream& stream);
  /// To read `parameters` and to write here.
  Cells cells(const Cells& parameters) const;
  /// Segment::decays.
  std::ptrdiff_t decays() const { return static_cast<std::ptrdiff_t>(floats_); }
  /// To the host; what it points to stays until the next call.
  Gathered bring(Stream& stream);

 private:
  float* on_device() const { return static_cast<float*>(device_.get()); }
  float* on_host() const { return static_cast<float*>(host_.get()); }
  std::size_t bytes() const { return 2 * floats_ * sizeof(float); }

  const Parameters& parameters_;
  std::size_t floats_;
  std::shared_ptr<void> device_, host_;
};

}  // namespace sounder::cuda
