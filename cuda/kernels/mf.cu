// Kernels of matrix factorization: a worker's lanes hold a row of a user and one of an item, 4 floats each.
#include "kernels/families.hpp"
#include "kernels/step_kernel.hpp"

namespace sounder::cuda::families {

StepProgram mf(const std::type_info& model, const StepForm& form) {
  StepProgram program;
  if (form.storage == StorageName::f32)
    with_mf(model, [&]<class M, int kLanes>() {
      if constexpr (M::users.width == 16 || M::users.width == 256)
        program = one_program<M, kLanes>(form.update);  // rarely asked for: fewer to build
      else
        program = fast_program<M, kLanes>(form);
    });
  else
    with_narrow(model, [&]<class M, int kLanes>() { program = narrow_program<M, kLanes>(form); });
  return program;
}

}  // namespace sounder::cuda::families
