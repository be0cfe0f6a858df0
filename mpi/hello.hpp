// Before a run, ranks make sure that they are about to do the same.
#pragma once

#include <map>
#include <string>

#include "endpoint.hpp"

namespace sounder::mpi {

/// What must be equal on all ranks, by name, as a text: "--batch" -> "1024", "data" -> a digest.
using Facts = std::map<std::string, std::string>;

/// Called by all ranks. Throws Error on all of them, the same sentence, naming the first fact that differs, its values and who has
/// which. The version of Sounder's frames and the byte order are compared with every call.
void check_same(Endpoint& endpoint, Facts facts);

}  // namespace sounder::mpi
