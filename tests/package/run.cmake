# Installs the build into WORK/prefix, builds the README's C++ samples against it, runs them, and asks for a
# component that does not exist. Called as: cmake -D SOURCE= -D BUILD= -D WORK= -D COMPILER= -P run.cmake
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed (${status}): ${ARGN}")
  endif()
endfunction()

# A fresh prefix and a fresh consumer every time: no header of yesterday may help.
file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/prefix")

file(READ "${SOURCE}/README.md" readme)
set(samples 0)
while(TRUE)
  string(FIND "${readme}" "```cpp\n" begin)
  if(begin EQUAL -1)
    break()
  endif()
  math(EXPR begin "${begin} + 7")
  string(SUBSTRING "${readme}" ${begin} -1 readme)
  string(FIND "${readme}" "```" end)
  string(SUBSTRING "${readme}" 0 ${end} sample)
  string(SUBSTRING "${readme}" ${end} -1 readme)
  math(EXPR samples "${samples} + 1")
  file(WRITE "${WORK}/build/sample${samples}.cpp" "${sample}")
endwhile()
if(samples EQUAL 0)
  message(FATAL_ERROR "README.md has no ```cpp block to compile")
endif()

set(configure "${CMAKE_COMMAND}" -S "${SOURCE}/tests/package" -G Ninja
  -D "CMAKE_PREFIX_PATH=${WORK}/prefix" -D "CMAKE_CXX_COMPILER=${COMPILER}" -D CMAKE_BUILD_TYPE=Release)
run(${configure} -B "${WORK}/build")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
foreach(i RANGE 1 ${samples})
  run("${CMAKE_COMMAND}" -E chdir "${WORK}" "${WORK}/build/sample${i}")
endforeach()

execute_process(COMMAND "${CMAKE_COMMAND}" -E env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "${WORK}/build/rank"
  RESULT_VARIABLE status OUTPUT_VARIABLE said)
if(NOT status EQUAL 0 OR NOT said MATCHES "rank 1 of 2 over threads of one process")
  message(FATAL_ERROR "the consumer of sounder::mpi failed (${status}): ${said}")
endif()

run("${CMAKE_COMMAND}" -S "${SOURCE}/tests/package/cpp_alone" -G Ninja -B "${WORK}/cpp_alone"
  -D "CMAKE_PREFIX_PATH=${WORK}/prefix" -D "CMAKE_CXX_COMPILER=${COMPILER}" -D CMAKE_BUILD_TYPE=Release)
run("${CMAKE_COMMAND}" --build "${WORK}/cpp_alone")
execute_process(COMMAND "${WORK}/cpp_alone/hybrid" RESULT_VARIABLE status OUTPUT_VARIABLE said)
if(NOT status EQUAL 0 OR NOT said MATCHES "^2000 updates\n.*(GPU|CUDA)")
  message(FATAL_ERROR "the consumer of sounder::cuda failed (${status}): ${said}")
endif()

execute_process(COMMAND ${configure} -B "${WORK}/absent" -D "COMPONENTS=core;teleport"
  RESULT_VARIABLE status ERROR_VARIABLE message OUTPUT_QUIET)
if(status EQUAL 0 OR NOT message MATCHES "no[ \n]+component[ \n]+'teleport'")
  message(FATAL_ERROR "asking for an absent component must fail and say so, not: ${message}")
endif()
