// Private to the data code: changes of the values of whole sets.
#pragma once

#include <sounder/data/columns.hpp>

namespace sounder {

/// value -> log(1 + value). Throws Error on a value of -1 or less.
void log1p_values(Columns& columns);

/// Divides every example by its Euclidean length (in double precision); examples of length 0 stay.
void scale_to_length_one(Columns& columns);

}  // namespace sounder
