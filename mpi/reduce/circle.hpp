// One way around some ranks: what the reducers ring, double-ring and hierarchical are made of.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "reduce/walk.hpp"

namespace sounder::mpi {

/// Adds up the vectors of `ranks`, which are in the order of the circle, and of which this rank is number `own`. A chunk goes on as soon
/// as it is added up, so that the steps overlap: nobody waits for a whole segment. Each sends 2 (P - 1) / P of the vector.
Walk circle(Lane lane, std::span<float> vector, std::vector<int> ranks, std::size_t own, std::size_t chunk_floats);

}  // namespace sounder::mpi
