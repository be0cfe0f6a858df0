// Where the kernels of devices add up gradients, and the way of these to the host.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <sounder/params/parameters.hpp>
#include <sounder/train/gatherer.hpp>

#include "servers.hpp"

namespace sounder::cuda {

/// On each device as large as the weights, twice: sums of b * x, and behind them those of a.
class GradientSums {
 public:
  GradientSums(const std::vector<Device*>& devices, ServerPlacement placement, const Parameters& parameters);

  /// Forgets all of a device.
  void clear(std::size_t device, Stream& stream);
  /// To read `parameters` and to write to the sums of a device.
  Cells cells(std::size_t device, const Cells& parameters) const;
  /// Segment::decays.
  std::ptrdiff_t decays() const { return static_cast<std::ptrdiff_t>(floats_); }
  /// Those of all devices to the host; what it points to stays until the next call.
  Gathered bring();

 private:
  std::size_t bytes() const { return 2 * floats_ * sizeof(float); }

  const Parameters& parameters_;
  std::size_t floats_;
  std::vector<std::shared_ptr<void>> memory_;
  std::vector<float*> vectors_;  ///< in it
  Servers servers_;
};

}  // namespace sounder::cuda
