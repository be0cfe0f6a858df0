// Whether there is a GPU, and what CUDA's errors mean.
#include <fmt/format.h>

#include <sounder/error.hpp>

#include "device/cuda/errors.hpp"
#include "device/cuda/status.hpp"
#include "device/device.hpp"
#include "kernels/preload.hpp"

namespace sounder::cuda {

DeviceStatus status_of(int error) {
  switch (static_cast<cudaError_t>(error)) {
    case cudaSuccess: return {};
    case cudaErrorInsufficientDriver:
      return {Absence::no_driver, fmt::format("there is no NVIDIA driver here, or one too old for CUDA {}.{}: install a newer driver, or train without a GPU",
                                              CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10)};
    case cudaErrorStubLibrary:
      return {Absence::stub_library, "the library path holds the stub of libcuda that is for linking alone: take its folder out of LD_LIBRARY_PATH"};
    case cudaErrorNoDevice:
      return {Absence::no_device, "there is an NVIDIA driver, but no GPU that it shows: check nvidia-smi and CUDA_VISIBLE_DEVICES, or train without a GPU"};
    default:
      return {Absence::failed, fmt::format("CUDA cannot start ({}: {}): check nvidia-smi, or train without a GPU", error,
                                           cudaGetErrorString(static_cast<cudaError_t>(error)))};
  }
}

DeviceStatus cuda_status() {
  int devices = 0;
  const cudaError_t result = cudaGetDeviceCount(&devices);
  cudaGetLastError();  // nothing that later calls should report
  return status_of(result == cudaSuccess && devices == 0 ? cudaErrorNoDevice : result);
}

void check(cudaError_t result, const char* what) {
  if (result == cudaSuccess) return;
  const char* advice = "";
  if (result == cudaErrorMemoryAllocation) advice = ": the GPU has no memory left, give it less data or fewer factors";
  if (result == cudaErrorNoKernelImageForDevice || result == cudaErrorInvalidDeviceFunction)
    advice = ": this build has no code for this GPU, build with -D CMAKE_CUDA_ARCHITECTURES=native";
  if (result == cudaErrorIllegalAddress) advice = ": a kernel has touched memory that is not its own, which is a mistake of Sounder";
  throw Error(fmt::format("cannot {}: {}{}", what, cudaGetErrorString(result), advice));
}

void preload(const void* kernel) {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, kernel), "bring a kernel to the GPU");
}

}  // namespace sounder::cuda
