# Every library that we use, found here, once: targets found in a folder are unknown outside of it.
# The Debian packages are listed in ./dev, which installs what is missing.

# core
find_package(Threads REQUIRED)
find_package(TBB CONFIG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_path(SOUNDER_RANDOM123 Random123/philox.h REQUIRED)
find_path(SOUNDER_XXHASH xxhash.h REQUIRED)
mark_as_advanced(SOUNDER_RANDOM123 SOUNDER_XXHASH)

# shm
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(PkgConfig REQUIRED)
pkg_check_modules(hwloc REQUIRED IMPORTED_TARGET hwloc)

# mpi: without it, ranks are threads of one process
enable_language(C)
find_package(MPI COMPONENTS C)

if(SOUNDER_BENCH OR SOUNDER_DEVELOPER)
  find_package(CLI11 CONFIG REQUIRED)
  find_package(benchmark CONFIG)
  # Peers of the traffic programs; ps-lite is in no package: SOUNDER_PS_LITE names a checkout of it with its build/ in it.
  find_package(Gloo CONFIG QUIET)
  set(SOUNDER_PS_LITE "" CACHE PATH "A built checkout of ps-lite to compare with; empty: none")
  if(SOUNDER_PS_LITE)
    find_library(SOUNDER_PS_LITE_LIBRARY pslite PATHS "${SOUNDER_PS_LITE}/build" NO_DEFAULT_PATH REQUIRED)
    mark_as_advanced(SOUNDER_PS_LITE_LIBRARY)
    find_package(Protobuf REQUIRED)
    pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq)
  endif()
endif()
if(SOUNDER_DEVELOPER)
  find_package(doctest CONFIG REQUIRED)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()
