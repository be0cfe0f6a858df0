// Which placement a device gets, and which ones it is refused.
#include <doctest/doctest.h>

#include <sounder/cuda/placement.hpp>
#include <sounder/error.hpp>

using namespace sounder;
using namespace sounder::cuda;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20, kGiB = std::size_t{1} << 30;

Caps pcie() { return {.name = "a card", .free_bytes = 80 * kGiB, .concurrent_managed_access = true}; }
Caps grace() {
  Caps caps = pcie();
  caps.host_native_atomics = caps.direct_managed_access = true;
  return caps;
}
Caps without_managed() {
  Caps caps = pcie();
  caps.concurrent_managed_access = false;
  return caps;
}

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("placement: auto follows what the device can do") {
    struct Row {
      GpuMode mode;
      Caps caps;
      std::size_t bytes;
      PlacementName placement;
      Where master;
      bool mirrored, system_scope;
      bool owned = false, split = false;
    };
    const Row rows[] = {
        {GpuMode::hybrid, pcie(), kMiB, PlacementName::mirror, Where::host, true, false},
        {GpuMode::hybrid, grace(), kMiB, PlacementName::device, Where::managed_on_device, false, true},
        {GpuMode::hybrid, without_managed(), kMiB, PlacementName::mirror, Where::pinned, true, false},
        {GpuMode::hybrid, pcie(), 9 * kGiB, PlacementName::mirror, Where::pinned, true, false},  // over the budget of managed memory
        {GpuMode::gpu, pcie(), kMiB, PlacementName::device, Where::pinned, true, false},
        {GpuMode::gpu, without_managed(), kMiB, PlacementName::device, Where::pinned, true, false},
        {GpuMode::hybrid, pcie(), kMiB, PlacementName::split, Where::pinned, true, false, true, true},
        {GpuMode::hybrid, without_managed(), kMiB, PlacementName::split, Where::pinned, true, false, true, true},
        {GpuMode::hybrid, pcie(), 9 * kGiB, PlacementName::split, Where::pinned, true, false, true, true},
        {GpuMode::hybrid, grace(), kMiB, PlacementName::device, Where::managed_on_device, false, true, true, false},
        {GpuMode::gpu, pcie(), kMiB, PlacementName::device, Where::pinned, true, false, true, false},
    };
    for (const Row& row : rows) {
      CAPTURE(static_cast<int>(row.placement));
      const Plan plan = resolve(PlacementName::automatic, row.mode, row.caps, row.bytes, row.owned);
      CHECK(plan.placement == row.placement);
      CHECK(plan.master == row.master);
      CHECK(plan.mirrored == row.mirrored);
      CHECK(plan.split == row.split);
      CHECK(plan.system_scope == row.system_scope);
      CHECK_FALSE(plan.why.empty());
    }
  }

  TEST_CASE("placement: what is asked for and cannot work is refused, with what to give instead") {
    const auto refused = [](PlacementName placement, const Caps& caps, std::size_t bytes, bool owned = false) {
      try {
        resolve(placement, GpuMode::hybrid, caps, bytes, owned);
      } catch (const Error& error) {
        return std::string(error.what()).find("give --placement") != std::string::npos;
      }
      return false;
    };
    CHECK(refused(PlacementName::host, without_managed(), kMiB));
    CHECK(refused(PlacementName::managed, without_managed(), kMiB));
    CHECK(refused(PlacementName::host, pcie(), 9 * kGiB));
    CHECK(refused(PlacementName::device, pcie(), kMiB));  // its pages would move with every touch
    CHECK(refused(PlacementName::split, pcie(), kMiB));  // the model declares no owned rows
    CHECK_FALSE(refused(PlacementName::split, pcie(), kMiB, true));
    CHECK_FALSE(refused(PlacementName::host, pcie(), kMiB));
    CHECK_FALSE(refused(PlacementName::pinned, without_managed(), 9 * kGiB));
    CHECK_FALSE(refused(PlacementName::device, grace(), kMiB));
  }

  TEST_CASE("placement: managed memory stays below min(8 GiB, a quarter of what is free)") {
    CHECK(managed_budget({.free_bytes = 80 * kGiB}) == 8 * kGiB);
    CHECK(managed_budget({.free_bytes = 8 * kGiB}) == 2 * kGiB);
  }

  TEST_CASE("placement: kernels touch at the scope of the system exactly where CPU threads write the same cells") {
    for (const auto& placement : kPlacements)
      for (const GpuMode mode : {GpuMode::gpu, GpuMode::hybrid}) {
        CAPTURE(std::string(placement.name));
        if (placement.value == PlacementName::device && mode == GpuMode::hybrid) continue;
        const Plan plan = resolve(placement.value, mode, pcie(), kMiB, true);
        CHECK(plan.system_scope == (mode == GpuMode::hybrid && !plan.mirrored));
        CHECK(plan.placement != PlacementName::automatic);
      }
  }
}
