#include <sounder/cuda/options.hpp>

#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::cuda {

void GpuOptions::validate() const {
  if (gpu_streams < 1 || gpu_streams > 64) throw Error(fmt::format("--gpu-streams {} is out of range: give 1 to 64", gpu_streams));
  if (gpus < 1 || gpus > kMostGpus) throw Error(fmt::format("--gpus {} is out of range: give 1 to {}", gpus, kMostGpus));
  if (gpu_workers && (*gpu_workers < 1 || *gpu_workers > 1 << 20))
    throw Error(fmt::format("--gpu-workers {} is out of range: give 1 to {}", *gpu_workers, 1 << 20));
  if (batch < 1 || batch > 1 << 16) throw Error(fmt::format("--batch {} is out of range for a GPU: give 1 to {}", batch, 1 << 16));
  if (sync_ms && !(std::isfinite(*sync_ms) && *sync_ms >= 0 && *sync_ms <= 60'000))
    throw Error(fmt::format("--sync-ms {} is out of range: give 0 to 60000 milliseconds", *sync_ms));
  if (storage != StorageName::f32 && update_form() == UpdateName::red_sys)
    throw Error(fmt::format("--update red-sys cannot be with --storage {}, which is of a copy that the GPU alone trains on: give --update red", name_of(kStorages, storage)));
}

}  // namespace sounder::cuda
