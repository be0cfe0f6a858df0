// The model families, one translation unit each: their kernels are the large part of the library's code.
#pragma once

#include <sounder/kernel.hpp>

namespace sounder::families {

Kernel logistic(const Dataset& data, float l2);
Kernel svm(const Dataset& data, float l2);
Kernel squared(const Dataset& data, float l2);
Kernel softmax(const Dataset& data, float l2);
Kernel mlp(const Dataset& data, float l2, int hidden, bool tile);
Kernel fm(const Dataset& data, float l2, int factors);
Kernel cut(const Dataset& data);
Kernel mf(const Dataset& data, float l2, int factors);

}  // namespace sounder::families
