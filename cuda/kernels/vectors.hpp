// Sums of vectors: add_up of Stream.
#pragma once

#include "device/device.hpp"

namespace sounder::cuda {

/// Brings the kernel to the device.
void preload_vectors();
/// Starts it on a stream (its handle).
void start_add(const VectorSum&, void* stream);

}  // namespace sounder::cuda
