// Kernels of matrix factorization: a worker's lanes hold a row of a user and one of an item, 4 floats each.
#include "kernels/families.hpp"
#include "kernels/step_kernel.hpp"

namespace sounder::cuda::families {

StepProgram mf(const std::type_info& model, UpdateName update, bool system_scope) {
  StepProgram program;
  with_mf(model, [&]<class M, int kLanes>() { program = fast_program<M, kLanes>(update, system_scope); });
  return program;
}

}  // namespace sounder::cuda::families
