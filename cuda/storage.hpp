// Which placements and kernels --storage is for.
#pragma once

#include <string>

#include <sounder/cuda/caps.hpp>
#include <sounder/cuda/options.hpp>
#include <sounder/cuda/placement.hpp>

namespace sounder::cuda {

/// resolve() for these options: cells of 16 bits need a copy that the GPU alone trains on, all of which is exchanged. Throws Error where the
/// placement that is asked for has none.
Plan plan_of(const GpuOptions& options, const Caps& caps, std::size_t bytes, bool owned = false);

}  // namespace sounder::cuda
