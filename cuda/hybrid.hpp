// The trainer on a given device.
#pragma once

#include <memory>

#include <sounder/cuda/backend.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

/// As make_backend, for modes gpu and hybrid.
std::unique_ptr<Backend> make_hybrid(const GpuOptions& options, std::unique_ptr<Device> device, std::unique_ptr<Backend> cpu);

}  // namespace sounder::cuda
