#include <sounder/cuda/placement.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::cuda {
namespace {

constexpr std::size_t kGiB = std::size_t{1} << 30;

bool coherent(const Caps& caps) { return caps.direct_managed_access && caps.host_native_atomics; }

void check_managed(PlacementName asked, const Caps& caps, std::size_t bytes) {
  if (!caps.concurrent_managed_access)
    throw Error(fmt::format("--placement {} needs managed memory that CPU and GPU may touch at the same time, which {} has not: "
                            "give --placement mirror or pinned",
                            name_of(kPlacements, asked), caps.name));
  if (bytes > managed_budget(caps))
    throw Error(fmt::format("--placement {} would take {} MiB of managed memory, more than the {} MiB that are safe on {} (min(8 GiB, a quarter "
                            "of what is free); too much can hang a GPU): give --placement mirror, or fewer factors",
                            name_of(kPlacements, asked), bytes >> 20, managed_budget(caps) >> 20, caps.name));
}

PlacementName choose(GpuMode mode, const Caps& caps, bool owned, std::string& why) {
  if (mode == GpuMode::gpu) return why = "only the GPU trains: one copy, in its own memory", PlacementName::device;
  if (coherent(caps)) return why = "the link is coherent: one copy on the GPU, which CPU threads reach as well", PlacementName::device;
  if (owned)
    return why = "CPU and GPU are joined by a bus: each trains the examples of rows of its own, and only the rest is reconciled all the time", PlacementName::split;
  why = caps.concurrent_managed_access ? "CPU and GPU are joined by a bus: each trains on its own side, and the two copies are reconciled all the time"
                                       : "managed memory cannot be shared while both work: a pinned master, and a copy on the GPU";
  return PlacementName::mirror;
}

}  // namespace

std::size_t managed_budget(const Caps& caps) { return std::min(8 * kGiB, caps.free_bytes / 4); }

Plan resolve(PlacementName asked, GpuMode mode, const Caps& caps, std::size_t bytes, bool owned) {
  Plan plan{.placement = asked};
  if (mode == GpuMode::cpu) return {.placement = PlacementName::host, .why = "no GPU trains"};
  if (asked == PlacementName::automatic)
    plan.placement = choose(mode, caps, owned, plan.why);
  else
    plan.why = "as asked";
  const bool shared = mode == GpuMode::hybrid;
  switch (plan.placement) {
    case PlacementName::automatic: break;
    case PlacementName::host:
      check_managed(plan.placement, caps, bytes);
      plan.master = Where::host;
      break;
    case PlacementName::managed:
      check_managed(plan.placement, caps, bytes);
      plan.master = Where::managed;
      break;
    case PlacementName::pinned: plan.master = Where::pinned; break;
    case PlacementName::device:
      if (shared && !coherent(caps))
        throw Error(fmt::format("--placement device with CPU threads at work needs a coherent link, which {} has not: its pages would "
                                "move to and fro with every touch; give --placement mirror, or --mode gpu",
                                caps.name));
      if (shared) {
        check_managed(plan.placement, caps, bytes);
        plan.master = Where::managed_on_device;
      } else {
        plan.master = Where::pinned;  // what is evaluated; the GPU trains on a copy
        plan.mirrored = true;
      }
      break;
    case PlacementName::split:
      if (!owned)
        throw Error("--placement split deals out examples by the rows of a table that the model declares as owned, as mf does its users, and "
                    "this model declares none: give --placement mirror");
      [[fallthrough]];
    case PlacementName::mirror: {
      // The master is managed where that is safe, so that either side could hold it; else pinned, which the GPU reaches as well, and which
      // is copied at the pace of the bus (managed memory goes page by page): rows that are handed over, and all where the GPU alone trains.
      const bool managed = shared && plan.placement == PlacementName::mirror && caps.concurrent_managed_access && bytes <= managed_budget(caps);
      plan.master = managed ? Where::host : Where::pinned;
      plan.mirrored = true;
      plan.split = plan.placement == PlacementName::split;
      break;
    }
  }
  plan.system_scope = shared && !plan.mirrored;
  return plan;
}

}  // namespace sounder::cuda
