// Kernels of the linear models: lanes share out the entries of an example.
#include "kernels/families.hpp"
#include "kernels/step_kernel.hpp"

namespace sounder::cuda::families {

StepProgram linear(const std::type_info& model, const StepForm& form) {
  StepProgram program;
  if (form.storage != StorageName::f32) return program;
  const auto plain = [&]<class M, int kLanes>() { program = plain_program<M, kLanes>(form.update); };
  with_linear<LogisticLoss>(model, form.nonzeros,
                            [&]<class M, int kLanes>() { program = fast_program<M, kLanes>(form); }) ||
      with_linear<HingeLoss>(model, form.nonzeros, plain) || with_linear<SquaredLoss>(model, form.nonzeros, plain);
  return program;
}

}  // namespace sounder::cuda::families
