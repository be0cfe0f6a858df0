// The trainer on a given device.
#pragma once

#include <memory>
#include <vector>

#include <sounder/cuda/backend.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

/// As make_backend, for modes gpu and hybrid. `others`: devices that gather gradients beside the first.
std::unique_ptr<Backend> make_hybrid(const GpuOptions& options, std::unique_ptr<Device> device, std::unique_ptr<Backend> cpu,
                                     std::vector<std::unique_ptr<Device>> others = {});

}  // namespace sounder::cuda
