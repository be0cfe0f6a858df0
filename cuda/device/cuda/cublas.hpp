// The few functions of cuBLAS that mini-batches need, found when a program asks for them: its library is large, and most models do without.
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

namespace sounder::cuda {

struct Cublas {
  using Handle = void*;
  // As cublasCreate_v2 and so on in cublas_v2.h; each returns 0 if all is well.
  int (*create)(Handle*);
  int (*destroy)(Handle);
  int (*set_stream)(Handle, cudaStream_t);
  int (*set_workspace)(Handle, void*, std::size_t);
  int (*multiply)(Handle, int a_transposed, int b_transposed, int m, int n, int k, const float* alpha, const float* a, int lda, const float* b,
                  int ldb, const float* beta, float* c, int ldc);
};

/// Throws Error, saying what to do, if there is no such library.
const Cublas& cublas();

/// Throws Error, unless `status` is success: "cannot WHAT: ...".
void check_cublas(int status, const char* what);

}  // namespace sounder::cuda
