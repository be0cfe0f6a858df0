#include "storage.hpp"

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::cuda {
namespace {

/// Each of several GPUs has a copy of the parameters.
Plan plan_of_several(const GpuOptions& options, const Caps& caps, std::size_t bytes) {
  const bool choose = options.placement == PlacementName::automatic;
  Plan plan = resolve(choose ? PlacementName::mirror : options.placement, options.mode, caps, bytes);
  if (!plan.mirrored)
    throw Error(fmt::format("--gpus {} need a copy of the parameters each, and --placement {} keeps one for all: give --placement mirror, or --gpus 1", options.gpus,
                            name_of(kPlacements, options.placement)));
  if (choose) plan.why = "each of several GPUs has a copy";
  return plan;
}

}  // namespace

Plan plan_of(const GpuOptions& options, const Caps& caps, std::size_t bytes, bool owned) {
  if (options.placement == PlacementName::automatic && (!options.may_split || options.gpus > 1)) owned = false;
  if (options.gpus > 1 && options.mode != GpuMode::cpu) return plan_of_several(options, caps, bytes);
  Plan plan = resolve(options.placement, options.mode, caps, bytes, owned);
  if (options.storage == StorageName::f32 || options.mode == GpuMode::cpu || (plan.mirrored && !plan.split)) return plan;
  const std::string_view storage = name_of(kStorages, options.storage);
  if (options.placement != PlacementName::automatic)
    throw Error(fmt::format("--storage {} cannot be with --placement {}, where {}: give --placement mirror, or leave --storage out", storage,
                            name_of(kPlacements, options.placement), plan.split ? "rows are handed over as floats" : "both sides share one copy of floats"));
  plan = resolve(PlacementName::mirror, options.mode, caps, bytes);
  plan.why = fmt::format("--storage {} is of a copy that the GPU alone trains on", storage);
  return plan;
}

}  // namespace sounder::cuda
