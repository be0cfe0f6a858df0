// Private to the data code: changes of the values of whole sets.
#pragma once

#include <sounder/data/columns.hpp>

namespace sounder {

/// The first value that has no log1p, as it is -1 or less; or 0.
float first_without_log1p(const Columns& columns);

/// value -> log(1 + value).
void log1p_values(Columns& columns);

/// Divides every example by its Euclidean length (in double precision); examples of length 0 stay.
void scale_to_length_one(Columns& columns);

}  // namespace sounder
