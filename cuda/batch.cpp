#include "batch.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/model/mlp.hpp>

namespace sounder::cuda {
namespace {

/// Examples whose gradients may be added up at the default step size: on builtin:fashion sums of 64 still go down, if not as far as single steps.
constexpr float kMost = 64;

template <int W>
bool shape_of(const Kernel& kernel, BatchShape& shape) {
  if (*kernel.type != typeid(Mlp<W>)) return false;
  const auto& model = *static_cast<const Mlp<W>*>(kernel.model.get());
  shape.inputs = static_cast<int>(kernel.layout.shape(Mlp<W>::inputs.index).rows);
  shape.width = W;
  shape.classes = model.classes;
  shape.l2 = model.l2;
  return true;
}

}  // namespace

std::optional<BatchShape> batch_shape_of(const Kernel& kernel, int batch) {
  BatchShape shape{.batch = batch};
  if (!kernel.type || kernel.layout.states() != 0) return std::nullopt;
  if (shape_of<16>(kernel, shape) || shape_of<32>(kernel, shape) || shape_of<64>(kernel, shape) || shape_of<128>(kernel, shape)) return shape;
  return std::nullopt;
}

void check_batches(const GpuOptions& options, const std::string& name) {
  if (options.update_form() != UpdateName::red && options.storage == StorageName::f32)
    throw Error(fmt::format("--model {} has no kernel for --update {}: give --update red", name, name_of(kUpdates, options.update_form())));
  if (options.storage != StorageName::f32)
    throw Error(fmt::format("--storage {} has kernels for --model mf with --factors 17 to 128 alone: give those, or leave --storage out",
                            name_of(kStorages, options.storage)));
  if (options.gpu_workers) throw Error(fmt::format("--gpu-workers does nothing with --model {}, of which a stream steps on --batch examples at once: leave it out", name));
}

float batch_scale(int batch, int streams) { return std::min(1.f, kMost / static_cast<float>(batch * streams)); }

}  // namespace sounder::cuda
