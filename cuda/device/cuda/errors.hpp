// What CUDA says has gone wrong, as one exception.
#pragma once

#include <cuda_runtime_api.h>

namespace sounder::cuda {

/// Throws Error, unless `result` is success: "cannot WHAT: CUDA's sentence", and what to do where that is known.
void check(cudaError_t result, const char* what);

}  // namespace sounder::cuda
