# One folder = one static library = one component of find_package(sounder) = one export set.
#
#   sounder_module(shm)     in shm/CMakeLists.txt: library sounder_shm, known to all as sounder::shm
#
# A header under include/sounder/ is public and installed; a header beside the sources is private.
function(sounder_module name)
  set(target sounder_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/device/cuda/")  # for builds with nvcc alone: see cuda/CMakeLists.txt
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/sounder/*.hpp")

  add_library(${target} STATIC ${sources})
  add_library(sounder::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${headers})
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  sounder_compile(${target})

  install(TARGETS ${target} EXPORT sounder-${name}
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT sounder-${name} NAMESPACE sounder:: FILE sounder-${name}-targets.cmake
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/sounder")
endfunction()
