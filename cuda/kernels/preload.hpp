// Kernels are brought to the device when they are chosen: a first launch in the middle of a run could wait for all streams.
#pragma once

namespace sounder::cuda {

/// Throws Error if the device cannot run this kernel.
void preload(const void* kernel);

}  // namespace sounder::cuda
