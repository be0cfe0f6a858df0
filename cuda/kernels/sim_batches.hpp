// Mini-batches as a thread plays them: the parts of kernels/mlp_batch.hpp, and loops for the products of matrices.
#pragma once

#include "kernels/mlp_batch.hpp"
#include "kernels/sim_access.hpp"

namespace sounder::cuda {

/// For step_on_batch. Weights are read while others write them; what a batch keeps is its own.
struct SimBatch {
  const MlpBatch& batch;

  void part(Part part) const {
    const std::size_t elements = batch.elements(part);
    for (std::size_t i = 0; i < elements; ++i) batch.run(part, i, SimAccess<true>{});
  }
  void product(const Product& p) const {
    const auto rows = static_cast<std::size_t>(p.rows), columns = static_cast<std::size_t>(p.columns), inner = static_cast<std::size_t>(p.inner);
    constexpr std::size_t kStrip = ThreadLanes::kStrip;  // columns are a multiple of 16, and so is inner where b is transposed
    using F = ThreadLanes::F;
    for (std::size_t i = 0; i < rows; ++i) {
      float* const c = p.c + i * columns;
      if (p.b_transposed) {
        for (std::size_t j = 0; j < columns; ++j) {
          F sum{};
          for (std::size_t k = 0; k < inner; k += kStrip) sum += shared_cell::get<F>(p.a + i * inner + k) * shared_cell::get<F>(p.b + j * inner + k);
          c[j] = ThreadLanes::sum(sum);
        }
        continue;
      }
      std::fill_n(c, columns, 0.f);
      for (std::size_t k = 0; k < inner; ++k) {
        const float a = p.a_transposed ? p.a[k * rows + i] : p.a[i * inner + k];
        if (a == 0) continue;
        for (std::size_t j = 0; j < columns; j += kStrip) ThreadLanes::store(c + j, ThreadLanes::load(c + j) + a * shared_cell::get<F>(p.b + k * columns + j));
      }
    }
  }
};

}  // namespace sounder::cuda
