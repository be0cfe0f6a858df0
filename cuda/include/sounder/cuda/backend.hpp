// Training by GPU streams and CPU threads on the same parameters.
#pragma once

#include <memory>

#include <sounder/cuda/caps.hpp>
#include <sounder/cuda/options.hpp>
#include <sounder/train/backend.hpp>

namespace sounder::cuda {

/// Whether there is a device of this name; a reason if not.
DeviceStatus status_of(DeviceName device);

/// A backend for fit: `cpu` steps on the CPU's part of each round and evaluates (in mode gpu it only evaluates). `number` picks
/// the one of several GPUs, modulo their number, or with --gpus the next so many: a rank gives its local rank. Throws Error if there is no such device, if the model has no kernel, if
/// the rule is not sgd, or if the placement cannot work.
std::unique_ptr<Backend> make_backend(const GpuOptions& options, DeviceName device, std::unique_ptr<Backend> cpu, int number = 0);

/// What the device is. Throws the Error that the run of such a backend would end with before its first step: before it has begun.
/// `data`, if given: whether it fits, where --gpu-data asks for it on the device.
Caps check(const GpuOptions& options, DeviceName device, const Kernel& kernel, const Backend& cpu, int number = 0,
           const Dataset* data = nullptr);

}  // namespace sounder::cuda
