# The package: find_package(sounder COMPONENTS core shm mpi cuda), the data sets, the licence.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sounder")
configure_package_config_file(cmake/sounder-config.cmake.in sounder-config.cmake INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(sounder-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/sounder-config.cmake" "${PROJECT_BINARY_DIR}/sounder-config-version.cmake"
  DESTINATION "${package_dir}")

install(DIRECTORY data/ DESTINATION "${CMAKE_INSTALL_DATADIR}/sounder/data")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
