// How long examples are: what step sizes and start values are scaled by.
#pragma once

#include <sounder/data/dataset.hpp>

namespace sounder {

/// Of the squared lengths of the examples; 1 where all are empty.
struct SquaredLengths {
  double mean = 1, most = 1;
};

SquaredLengths squared_lengths(const Dataset& data);

}  // namespace sounder
