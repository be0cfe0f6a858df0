# Asks the unit tests for their test cases, and writes one add_test for each: cmake -D PROGRAM= -D FILE= -P discover.cmake
# doctest's own script does this too, but cuts a name at every semicolon.
execute_process(COMMAND "${PROGRAM}" --list-test-cases --no-version OUTPUT_VARIABLE rest COMMAND_ERROR_IS_FATAL ANY)

set(script "")
while(rest MATCHES "\n")
  string(FIND "${rest}" "\n" end)
  string(SUBSTRING "${rest}" 0 ${end} name)
  math(EXPR end "${end} + 1")
  string(SUBSTRING "${rest}" ${end} -1 rest)
  if(name MATCHES "^(=====|\\[doctest\\])")
    continue()
  endif()
  string(REPLACE "," "\\," filter "${name}")  # a bare comma separates two filters
  string(APPEND script "add_test([==[${name}]==] [==[${PROGRAM}]==] [==[--test-case=${filter}]==])\n"
    "set_tests_properties([==[${name}]==] PROPERTIES TIMEOUT 1200 SKIP_RETURN_CODE 77)\n")
endwhile()
file(WRITE "${FILE}" "${script}")
