// Every word of the flags of bench_cuda, and every default.
#pragma once

#include <array>
#include <optional>

#include <sounder/modes.hpp>
#include <sounder/params/rounding.hpp>

namespace sounder::cuda {

/// Who trains.
enum class GpuMode { cpu, gpu, hybrid };
inline constexpr std::array<Named<GpuMode>, 3> kGpuModes{{
    {GpuMode::cpu, "cpu", "CPU threads alone, by --node-mode: what the others are held against"},
    {GpuMode::gpu, "gpu", "GPU streams alone"},
    {GpuMode::hybrid, "hybrid", "GPU streams and CPU threads at the same time, lock-free, on the same parameters"},
}};

enum class DeviceName { automatic, cuda, emu, none };
inline constexpr std::array<Named<DeviceName>, 4> kDevices{{
    {DeviceName::automatic, "auto", "a GPU where there is one, else exit status 77"},
    {DeviceName::cuda, "cuda", "the GPU of CUDA"},
    {DeviceName::emu, "emu", "a GPU played by threads: the same trainer, no GPU needed, slow"},
    {DeviceName::none, "none", "no GPU: mode cpu only"},
}};

/// Where the parameters live that CPU threads and GPU streams share.
enum class PlacementName { automatic, host, mirror, split, managed, device, pinned };
inline constexpr std::array<Named<PlacementName>, 7> kPlacements{{
    {PlacementName::automatic, "auto", "by what the device can do; the choice and its reason are printed"},
    {PlacementName::host, "host", "one copy: managed memory kept on the host, which the GPU reads and writes over the bus"},
    {PlacementName::mirror, "mirror", "a master on the host that CPU threads update in place, and a copy on the GPU, reconciled lock-free"},
    {PlacementName::split, "split", "as mirror, but examples are dealt by rows that one side owns (mf: users), and only the other rows are reconciled"},
    {PlacementName::managed, "managed", "one copy in managed memory without advice, for contrast: its pages move to who touches them"},
    {PlacementName::device, "device", "one copy on the GPU; with CPU threads at work only where the link is coherent"},
    {PlacementName::pinned, "pinned", "one copy in pinned host memory, for contrast: as host, without managed memory"},
}};

/// How a kernel writes parameters.
enum class UpdateName { racy, red, red_sys };
inline constexpr std::array<Named<UpdateName>, 3> kUpdates{{
    {UpdateName::racy, "racy", "relaxed loads and stores: updates may be lost, as in hogwild"},
    {UpdateName::red, "red", "adds at the scope of the GPU: none of its own updates is lost"},
    {UpdateName::red_sys, "red-sys", "adds at the scope of the system, for contrast"},
}};

/// What a cell is in the copy that a GPU trains on.
inline constexpr std::array<Named<StorageName>, 3> kStorages{{
    {StorageName::f32, "f32", "32 bits"},
    {StorageName::bf16, "bf16", "16 bits with the range of a float, rounded at random so that small updates count on average"},
    {StorageName::f16, "f16", "16 bits with a larger share of significant ones, up to 65504, rounded likewise"},
}};

/// How the movements of CPU threads and GPU come together in one row.
enum class MergeName { automatic, sum, mean };
inline constexpr std::array<Named<MergeName>, 3> kMerges{{
    {MergeName::automatic, "auto", "guarded sum: the sum, less what both sides did twice once that overshoots"},
    {MergeName::sum, "sum", "the sum of both movements"},
    {MergeName::mean, "mean", "where both sides moved a row, their mean, weighted by their numbers of updates"},
}};

/// Where the examples lie that a GPU trains on.
enum class GpuDataName { automatic, resident, stream };
inline constexpr std::array<Named<GpuDataName>, 3> kGpuData{{
    {GpuDataName::automatic, "auto", "resident where the set takes at most 40 % of the GPU's free memory, else stream"},
    {GpuDataName::resident, "resident", "the whole set in the GPU's memory, copied once"},
    {GpuDataName::stream, "stream", "chunks are copied while those before are trained on, two buffers a stream"},
}};

/// Where the gradients of a rank's GPUs come together, and from where parameters go out to them.
enum class ServerPlacement { automatic, cpu, gpu, spread };
inline constexpr std::array<Named<ServerPlacement>, 4> kServerPlacements{{
    {ServerPlacement::automatic, "auto", "spread where every GPU reaches every other, else cpu; the choice and its reason are printed"},
    {ServerPlacement::cpu, "cpu", "in the host's memory: each GPU sends all to it"},
    {ServerPlacement::gpu, "gpu", "on the first GPU: the others send all to it"},
    {ServerPlacement::spread, "spread", "on all of them: each adds up a part, and the others send it theirs of that"},
}};
inline constexpr int kMostGpus = 8;  ///< of a rank

/// Field names are the flags.
struct GpuOptions {
  GpuMode mode = GpuMode::hybrid;
  PlacementName placement = PlacementName::automatic;
  std::optional<UpdateName> update{};  ///< unset: by update_form()
  StorageName storage = StorageName::f32;
  int gpu_streams = 4;
  std::optional<int> gpu_workers{};  ///< groups of lanes that step at the same time, all streams together; unset: by the conflict index
  int batch = 16;                    ///< examples that a stream steps on at once, of models that take mini-batches (mlp)
  std::optional<double> sync_ms{};   ///< milliseconds between two exchanges of master and mirror; unset: a few times as long as one takes
  MergeName merge = MergeName::automatic;
  /// Whether placement auto may choose split, which trains on the examples of an epoch in an order of its own: not where rounds are parts of it.
  bool may_split = true;
  bool gathers = false;              ///< rounds gather gradients (bsp, backup), so that room is kept for their sums
  GpuDataName gpu_data = GpuDataName::automatic;
  int gpus = 1;                      ///< of a rank, in rounds that gather gradients
  ServerPlacement server_placement = ServerPlacement::automatic;

  /// Unless it is given: red.
  UpdateName update_form() const { return update.value_or(UpdateName::red); }
  /// Throws Error naming the flag and the mend.
  void validate() const;
};

}  // namespace sounder::cuda
