// Master and mirror, kept together by kernels: refresh and reconcile of Stream.
#pragma once

#include "device/device.hpp"

namespace sounder::cuda {

/// Brings both kernels to the device.
void preload_exchange();
/// Starts it on a stream (its handle). Both reach the master over the bus.
void start_refresh(const Exchanged&, void* stream);
void start_reconcile(const Exchanged&, void* stream);

}  // namespace sounder::cuda
