// Mini-batches on a stream of CUDA.
#pragma once

#include "device/device.hpp"

namespace sounder::cuda {

/// On a stream (its handle).
std::unique_ptr<Batches> make_batches(Device&, const BatchShape&, const Cells&, void* stream);

}  // namespace sounder::cuda
