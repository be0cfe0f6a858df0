// The graph of a mode that has one, the same on all ranks.
#pragma once

#include "modes/mode.hpp"
#include "protocol/topology.hpp"

namespace sounder::mpi {

/// --topology, or `standard` where none was given: every rank reads it by itself, and a file need not be the same everywhere. Throws
/// on all ranks or on none. Collective.
Topology agreed_topology(const Setting& setting, TopologyName standard);

}  // namespace sounder::mpi
