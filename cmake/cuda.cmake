# Whether there is nvcc, and what the .cu files are compiled with. Not for builds under sanitizers, which know nothing of GPUs.
set(SOUNDER_CUDA AUTO CACHE STRING "Kernels for NVIDIA GPUs: AUTO builds them if there is nvcc, ON needs it, OFF leaves them out")
set_property(CACHE SOUNDER_CUDA PROPERTY STRINGS AUTO ON OFF)
set(SOUNDER_HAS_NVCC FALSE)

if(SOUNDER_CUDA AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    # To be set before the language is enabled: else it becomes 75 in silence.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPUs to build for: 80-real;90, 75, all-major, ...")
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit)
    set(SOUNDER_HAS_NVCC ${CUDAToolkit_FOUND})
  endif()
endif()
if(SOUNDER_HAS_NVCC)
  message(STATUS "CUDA kernels: by nvcc ${CMAKE_CUDA_COMPILER_VERSION}, for ${CMAKE_CUDA_ARCHITECTURES}")
elseif(SOUNDER_CUDA STREQUAL "ON" OR SOUNDER_CUDA STREQUAL "TRUE" OR SOUNDER_CUDA STREQUAL "1")
  message(FATAL_ERROR "SOUNDER_CUDA is ON, but no CUDA toolkit with nvcc is found (or this is a build under a sanitizer): "
                      "put nvcc on the PATH, or set CMAKE_CUDA_COMPILER, or give -D SOUNDER_CUDA=AUTO")
else()
  message(STATUS "CUDA kernels: none (no nvcc, or not wanted); GPUs are emulated")
endif()

# The runtime is linked into the target itself, so that projects of C++ alone can use an installed library.
function(sounder_compile_kernels target)
  # CMake 3.25 does not know the flag of C++20 for nvcc. Pragmas of loops are nvcc's: the host's compiler need not remark on them.
  set(warnings -Wall,-Wextra,-Wno-unknown-pragmas,-Wno-psabi)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-std=c++20 --expt-relaxed-constexpr -Xcompiler=${warnings}>")
  if(SOUNDER_DEVELOPER)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>")
  endif()
  set_target_properties(${target} PROPERTIES CUDA_RUNTIME_LIBRARY None)
  target_link_libraries(${target} PRIVATE CUDA::cudart_static)
  target_include_directories(${target} SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
endfunction()
