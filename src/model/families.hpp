// The model families, one translation unit each: their kernels are the large part of the library's code.
#pragma once

#include <sounder/kernel.hpp>

namespace sounder::families {

Kernel logistic(const Dataset& data, float l2, RuleName rule);
Kernel svm(const Dataset& data, float l2, RuleName rule);
Kernel squared(const Dataset& data, float l2, RuleName rule);
Kernel softmax(const Dataset& data, float l2, RuleName rule);
Kernel mlp(const Dataset& data, float l2, int hidden, bool tile, RuleName rule);
Kernel fm(const Dataset& data, float l2, int factors, RuleName rule);
Kernel cut(const Dataset& data, RuleName rule);
Kernel mf(const Dataset& data, float l2, int factors, RuleName rule);

}  // namespace sounder::families
