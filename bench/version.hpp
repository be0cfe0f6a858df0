// What was compiled in.
#pragma once

#include <string>

namespace sounder::bench {

std::string compiler_text();  ///< "g++ 12.2.0, avx512"
/// The answer to --version. `mpi`: the MPI library and the modes between ranks, as lines; `cuda`: the toolkit; "": not compiled in.
std::string version_text(const std::string& mpi = "", const std::string& cuda = "");

}  // namespace sounder::bench
