// The kernel of a model, made of its parts, and its launch. For the .cu files of the families only: each is launched from the file
// that instantiates it.
#pragma once

#include "device/device.hpp"
#include "kernels/device_access.hpp"
#include "kernels/group_view.hpp"
#include "kernels/models.hpp"
#include "kernels/preload.hpp"
#include "lanes/group_lanes.hpp"

namespace sounder::cuda {

inline constexpr int kBlockThreads = 256;
/// Blocks that a multiprocessor holds at least: 40 registers a thread, and room for those of the exchange beside 1,536 threads.
/// Where a lane holds more than 4 floats of a row, 64 registers; 48 for factorization machines and softmax.
template <class M, int kLanes>
constexpr int blocks_at_once() {
  if constexpr (requires { M::users; }) return M::users.width > 4 * kLanes ? 4 : 6;
  if constexpr (!requires { M::weights; } || intercept_width<M>() > 1) return 5;
  return 6;
}

template <class M, int kLanes, Forms kForms, Scope kScope>
__global__ void __launch_bounds__(kBlockThreads, blocks_at_once<M, kLanes>()) steps(const M model, const Segment segment, const UpdateName update) {
  const std::uint32_t group = (blockIdx.x * kBlockThreads + threadIdx.x) / kLanes;
  if (group >= static_cast<std::uint32_t>(segment.groups)) return;
  using Access = DeviceAccess<kForms, kScope>;
  GroupView<Access, GroupLanes<kLanes>, intercept_width<M>()> view(Access{.rate = segment.rate, .update = update, .decays = segment.decays}, segment.cells);
  step_on_pieces(model, view, segment, group);
}

/// Of rows with 16 bits a cell; both formats in one, as the difference is a few instructions.
template <class M, int kLanes, bool kAdds>
__global__ void __launch_bounds__(kBlockThreads, blocks_at_once<M, kLanes>()) narrow_steps(const M model, const Segment segment, const StorageName storage) {
  const std::uint32_t group = (blockIdx.x * kBlockThreads + threadIdx.x) / kLanes;
  if (group >= static_cast<std::uint32_t>(segment.groups)) return;
  using Lanes = GroupLanes<kLanes>;
  const NarrowAccess<kAdds> access{.rate = segment.rate, .storage = storage, .lane = static_cast<std::uint32_t>(Lanes::lane()),
                                   .random = Draws::of(segment.seed, group)};
  GroupView<NarrowAccess<kAdds>, Lanes, intercept_width<M>()> view(access, segment.cells);
  step_on_pieces(model, view, segment, group);
}

inline int blocks_for(const Segment& segment, int lanes) { return (segment.groups * lanes + kBlockThreads - 1) / kBlockThreads; }

template <class M, int kLanes, Forms kForms, Scope kScope, UpdateName kUpdate>
void start(const void* model, const Segment& segment, void* stream) {
  M m = *static_cast<const M*>(model);
  if constexpr (requires { m.rarity; }) m.rarity = segment.rarity;  // that of the host cannot be reached
  steps<M, kLanes, kForms, kScope><<<blocks_for(segment, kLanes), kBlockThreads, 0, static_cast<cudaStream_t>(stream)>>>(m, segment, kUpdate);
}

template <class M, int kLanes, StorageName kStorage, bool kAdds>
void start_narrow(const void* model, const Segment& segment, void* stream) {
  narrow_steps<M, kLanes, kAdds><<<blocks_for(segment, kLanes), kBlockThreads, 0, static_cast<cudaStream_t>(stream)>>>(*static_cast<const M*>(model), segment, kStorage);
}

/// The kernel that does `kForms` at this scope, started as `kUpdate`.
template <class M, int kLanes, Forms kForms, Scope kScope, UpdateName kUpdate>
StepProgram program_of() {
  preload(reinterpret_cast<const void*>(&steps<M, kLanes, kForms, kScope>));
  return {.start = start<M, kLanes, kForms, kScope, kUpdate>, .lanes = kLanes, .owned = owned_table<M>()};
}

/// One kernel for all forms: where the bus sets the pace, or gradients are gathered.
template <class M, int kLanes>
StepProgram one_program(UpdateName update) {
  switch (update) {
    case UpdateName::racy: return program_of<M, kLanes, Forms::any, Scope::system, UpdateName::racy>();
    case UpdateName::red: return program_of<M, kLanes, Forms::any, Scope::system, UpdateName::red>();
    case UpdateName::red_sys: return program_of<M, kLanes, Forms::any, Scope::system, UpdateName::red_sys>();
  }
  return {};
}
/// A kernel for each form where the GPU trains on its own memory.
template <class M, int kLanes>
StepProgram fast_program(const StepForm& form) {
  if (form.system_scope || form.gathers || form.update == UpdateName::red_sys) return one_program<M, kLanes>(form.update);
  return form.update == UpdateName::racy ? program_of<M, kLanes, Forms::racy, Scope::gpu, UpdateName::racy>()
                                         : program_of<M, kLanes, Forms::red, Scope::gpu, UpdateName::red>();
}
template <class M, int kLanes, bool kAdds>
StepProgram::Start narrow_start(StorageName storage) {
  preload(reinterpret_cast<const void*>(&narrow_steps<M, kLanes, kAdds>));
  return storage == StorageName::bf16 ? start_narrow<M, kLanes, StorageName::bf16, kAdds> : start_narrow<M, kLanes, StorageName::f16, kAdds>;
}
/// The kernel for rows of 16 bits: of a copy that the GPU alone trains on.
template <class M, int kLanes>
StepProgram narrow_program(const StepForm& form) {
  if (form.update == UpdateName::red_sys || form.system_scope) return {};
  return {.start = form.update == UpdateName::red ? narrow_start<M, kLanes, true>(form.storage) : narrow_start<M, kLanes, false>(form.storage), .lanes = kLanes};
}
/// One kernel for all that is asked of a model: fewer to build.
template <class M, int kLanes>
StepProgram plain_program(UpdateName update) {
  switch (update) {
    case UpdateName::racy: return program_of<M, kLanes, Forms::racy_or_red, Scope::system, UpdateName::racy>();
    case UpdateName::red: return program_of<M, kLanes, Forms::racy_or_red, Scope::system, UpdateName::red>();
    case UpdateName::red_sys: break;
  }
  return {};
}

}  // namespace sounder::cuda
