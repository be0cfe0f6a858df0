#include "storage.hpp"

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::cuda {

Plan plan_of(const GpuOptions& options, const Caps& caps, std::size_t bytes, bool owned) {
  if (options.placement == PlacementName::automatic && !options.may_split) owned = false;
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
