#include "device/cuda/cublas.hpp"

#include <dlfcn.h>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::cuda {
namespace {

Cublas find() {
  constexpr int kMajor = CUDART_VERSION / 1000;
  void* library = nullptr;
  for (const std::string& name : {fmt::format("libcublas.so.{}", kMajor), fmt::format("/usr/local/cuda/lib64/libcublas.so.{}", kMajor)})
    if (!library) library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    throw Error(fmt::format("--model mlp multiplies matrices on a GPU with cuBLAS, and there is no libcublas.so.{} here: install cuBLAS of CUDA {}, let "
                            "LD_LIBRARY_PATH name its folder, or give --mode cpu",
                            kMajor, kMajor));
  const auto set = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (!function) throw Error(fmt::format("libcublas.so.{} lacks {}: install cuBLAS anew, or give --mode cpu", kMajor, name));
  };
  Cublas found{};
  set(found.create, "cublasCreate_v2");
  set(found.destroy, "cublasDestroy_v2");
  set(found.set_stream, "cublasSetStream_v2");
  set(found.set_workspace, "cublasSetWorkspace_v2");
  set(found.multiply, "cublasSgemm_v2");
  return found;
}

}  // namespace

const Cublas& cublas() {
  static const Cublas found = find();
  return found;
}

void check_cublas(int status, const char* what) {
  if (status != 0) throw Error(fmt::format("cannot {}: cuBLAS ends with status {}; give --mode cpu if that stays so", what, status));
}

}  // namespace sounder::cuda
