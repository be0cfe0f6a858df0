// Kernels of factorization machines: a worker's lanes hold one row after the other.
#include "kernels/families.hpp"
#include "kernels/step_kernel.hpp"

namespace sounder::cuda::families {

StepProgram fm(const std::type_info& model, const StepForm& form) {
  StepProgram program;
  if (form.storage == StorageName::f32)
    with_fm(model, [&]<class M, int kLanes>() { program = plain_program<M, kLanes>(form.update); });
  return program;
}

}  // namespace sounder::cuda::families
