# What every target of ours is compiled with. All of it is private: none reaches a consumer.
function(sounder_compile target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # GCC remarks on every wide vector passed by value; such functions are inline here, so no ABI is at stake.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-psabi>)
  if(SOUNDER_ARCH)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C,CXX>:-march=${SOUNDER_ARCH}>)
  endif()
  if(SOUNDER_DEVELOPER)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:C,CXX>:-Wall;-Wextra;-Wconversion;-Werror>")
  endif()
endfunction()
