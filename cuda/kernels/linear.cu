// Kernels of the linear models: lanes share out the entries of an example.
#include "kernels/families.hpp"
#include "kernels/step_kernel.hpp"

namespace sounder::cuda::families {

StepProgram linear(const std::type_info& model, UpdateName update, bool system_scope, double nonzeros_per_example) {
  StepProgram program;
  const auto plain = [&]<class M, int kLanes>() { program = plain_program<M, kLanes>(update); };
  with_linear<LogisticLoss>(model, nonzeros_per_example,
                            [&]<class M, int kLanes>() { program = fast_program<M, kLanes>(update, system_scope); }) ||
      with_linear<HingeLoss>(model, nonzeros_per_example, plain) || with_linear<SquaredLoss>(model, nonzeros_per_example, plain);
  return program;
}

}  // namespace sounder::cuda::families
