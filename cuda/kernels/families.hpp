// The families of kernels, one .cu file each. Start is null where the model is not of the family or lacks the form.
#pragma once

#include <typeinfo>

#include "device/device.hpp"

namespace sounder::cuda::families {

StepProgram linear(const std::type_info& model, const StepForm&);
StepProgram mf(const std::type_info& model, const StepForm&);
StepProgram fm(const std::type_info& model, const StepForm&);
StepProgram softmax(const std::type_info& model, const StepForm&);

}  // namespace sounder::cuda::families
