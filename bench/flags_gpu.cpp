#include "flags_gpu.hpp"

#include <algorithm>
#include <vector>

#include <fmt/ranges.h>

#include <sounder/error.hpp>

namespace sounder::bench {
namespace {

using cuda::GpuMode;

/// A flag that is of some modes, and that these obey.
struct FlagOfModes {
  const char* flag;
  std::vector<GpuMode> modes;
};

std::vector<FlagOfModes> flags_of_modes() {
  using enum GpuMode;
  return {{"--placement", {gpu, hybrid}}, {"--update", {gpu, hybrid}}, {"--storage", {gpu, hybrid}}, {"--gpu-streams", {gpu, hybrid}},
          {"--gpu-workers", {gpu, hybrid}}, {"--sync-ms", {hybrid}},     {"--merge", {hybrid}},        {"--gpu-data", {gpu, hybrid}},
          {"--gpus", {gpu, hybrid}},      {"--server-placement", {gpu, hybrid}}};
}

}  // namespace

void declare_gpu(CommandLine& line, GpuSide& gpu) {
  cuda::GpuOptions& o = gpu.options;
  line.name("--device", cuda::kDevices, gpu.device, "what the GPU's part trains on (default auto)");
  line.name("--placement", cuda::kPlacements, o.placement, "where the parameters live that CPU threads and GPU share (default auto)");
  line.name("--update", cuda::kUpdates, o.update, "how kernels write (default red)");
  line.name("--storage", cuda::kStorages, o.storage, "what a cell of a row is in the copy that the GPU trains on; its arithmetic is that of floats (default f32)");
  line.number<int>("--gpu-streams", o.gpu_streams, fmt::format("streams that train at the same time (default {})", o.gpu_streams));
  line.number<int>("--gpu-workers", o.gpu_workers, "examples that the GPU steps on at the same time (default: by how often they would meet in a row)");
  line.number<double>("--sync-ms", o.sync_ms, "milliseconds between two exchanges of master and mirror, 0: no pause (default: four times as long as one takes)");
  line.name("--merge", cuda::kMerges, o.merge, "how movements of both sides come together (default auto)");
  line.name("--gpu-data", cuda::kGpuData, o.gpu_data, "where the examples lie that the GPU trains on (default auto)");
  line.number<int>("--gpus", o.gpus, fmt::format("bench_mpi, modes bsp and backup: GPUs that gather the gradients of a rank (default {})", o.gpus));
  line.name("--server-placement", cuda::kServerPlacements, o.server_placement, "of several GPUs of a rank: where their gradients come together (default auto)");
}

void check_obeyed_by_gpu(const CommandLine& line, const GpuSide& gpu, std::span<const GpuMode> modes, const char* flag, const std::string& names) {
  gpu.options.validate();
  for (const auto& [of_gpu, obeying] : flags_of_modes()) {
    if (!line.given(of_gpu) || std::ranges::find_first_of(modes, obeying) != modes.end()) continue;
    std::vector<std::string_view> others;
    for (const GpuMode mode : obeying) others.push_back(name_of(cuda::kGpuModes, mode));
    throw Error(fmt::format("{} does nothing with {} {}: leave it out, or give {} {}", of_gpu, flag, names, flag, fmt::join(others, " or ")));
  }
  if (gpu.device == cuda::DeviceName::none && std::ranges::any_of(modes, [](GpuMode mode) { return mode != GpuMode::cpu; }))
    throw Error(fmt::format("--device none has no GPU to train on: leave it out, or give {} another name", flag));
  if (line.given("--server-placement") && gpu.options.gpus == 1)
    throw Error("--server-placement does nothing with one GPU: leave it out, or give --gpus 2");
  const cuda::PlacementName placement = gpu.options.placement;
  const bool one_copy = placement != cuda::PlacementName::automatic && placement != cuda::PlacementName::mirror && placement != cuda::PlacementName::split;
  for (const char* const of_mirror : {"--sync-ms", "--merge"})
    if (line.given(of_mirror) && one_copy)
      throw Error(fmt::format("{} does nothing with --placement {}, which keeps one copy: leave it out, or give --placement mirror", of_mirror,
                              name_of(cuda::kPlacements, placement)));
}

std::string gpu_text() {
#ifdef SOUNDER_CUDA_VERSION
  return fmt::format("{}, and the emulated device", SOUNDER_CUDA_VERSION);
#else
  return "the emulated device only (no CUDA toolkit when this was built)";
#endif
}

Json gpu_options(const GpuSide& gpu) {
  const cuda::GpuOptions& o = gpu.options;
  return {{"device", name_of(cuda::kDevices, gpu.device)},
          {"placement", name_of(cuda::kPlacements, o.placement)},
          {"update", name_of(cuda::kUpdates, o.update_form())},
          {"storage", name_of(cuda::kStorages, o.storage)},
          {"gpu_streams", o.gpu_streams},
          {"gpu_workers", or_null(o.gpu_workers)},
          {"sync_ms", or_null(o.sync_ms)},
          {"merge", name_of(cuda::kMerges, o.merge)},
          {"gpu_data", name_of(cuda::kGpuData, o.gpu_data)},
          {"gpus", o.gpus},
          {"server_placement", name_of(cuda::kServerPlacements, o.server_placement)}};
}

}  // namespace sounder::bench
