// No CUDA in this build.
#if !SOUNDER_HAS_CUDA
#include <sounder/error.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

DeviceStatus cuda_status() {
  return {Absence::not_built, "this build has no CUDA: install the CUDA toolkit (nvcc on PATH) and build anew, or give --device emu"};
}

int cuda_devices() { return 0; }
std::unique_ptr<Device> make_cuda_device(int) { throw Error(cuda_status().sentence); }

}  // namespace sounder::cuda
#endif
