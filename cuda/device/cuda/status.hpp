// What the runtime's error numbers mean for who wants to train.
#pragma once

#include <sounder/cuda/caps.hpp>

namespace sounder::cuda {

/// `error`: a cudaError_t of the first call that needs a driver.
DeviceStatus status_of(int error);

}  // namespace sounder::cuda
