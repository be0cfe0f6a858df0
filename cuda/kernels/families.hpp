// The families of kernels, one .cu file each. Start is null where the model is not of the family or lacks the form.
#pragma once

#include <typeinfo>

#include "device/device.hpp"

namespace sounder::cuda::families {

StepProgram linear(const std::type_info& model, UpdateName, bool system_scope, double nonzeros_per_example);
StepProgram mf(const std::type_info& model, UpdateName, bool system_scope);
StepProgram fm(const std::type_info& model, UpdateName);
StepProgram softmax(const std::type_info& model, UpdateName);

}  // namespace sounder::cuda::families
