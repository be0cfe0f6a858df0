// Where parameters live when CPU threads and a GPU train on them: a pure function of what the device can do.
#pragma once

#include <cstddef>
#include <string>

#include <sounder/cuda/caps.hpp>
#include <sounder/cuda/options.hpp>

namespace sounder::cuda {

/// A kind of memory that both sides can be given.
enum class Where {
  device,             ///< on the GPU alone
  host,               ///< managed, preferred on the host, mapped by the GPU
  managed,            ///< managed, without advice
  managed_on_device,  ///< managed, preferred on the GPU
  pinned,             ///< page-locked host memory, mapped by the GPU
  heap,               ///< ordinary host memory: the GPU cannot reach it
};

struct Plan {
  PlacementName placement = PlacementName::device;  ///< never automatic
  Where master = Where::heap;  ///< the memory of the run's parameters: what CPU threads train on, and what is evaluated
  bool mirrored = false;       ///< the GPU trains on a copy of its own
  bool split = false;          ///< examples are dealt by the rows of the owned table, which are not exchanged
  bool system_scope = false;   ///< kernels touch cells that CPU threads write
  std::string why{};           ///< one sentence
};

/// Most bytes of managed memory: min(8 GiB, a quarter of what is free). More than the card holds can hang a GPU.
std::size_t managed_budget(const Caps& caps);

/// `bytes`: of all parameters. `owned`: the model declares a table of rows that one side alone may train (MatrixFactorization::owned).
/// Throws Error where `asked` cannot work on such a device or model, with the reason and what to do.
Plan resolve(PlacementName asked, GpuMode mode, const Caps& caps, std::size_t bytes, bool owned = false);

}  // namespace sounder::cuda
