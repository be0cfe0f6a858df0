// What was compiled in.
#pragma once

#include <string>

namespace sounder::bench {

std::string compiler_text();  ///< "g++ 12.2.0, avx512"
std::string version_text();   ///< the answer to --version

}  // namespace sounder::bench
