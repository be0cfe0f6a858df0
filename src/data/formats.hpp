// Private to the data code: which sets may be read as which format.
#pragma once

#include <string_view>

#include <sounder/data/load.hpp>

namespace sounder {

/// Throws Error, naming `source` and the mend, unless a set that holds `held` can be read as `wanted`: the labels of
/// two classes are also those of several, and all class labels are also numbers.
void refuse_other_format(std::string_view source, Format held, Format wanted);

}  // namespace sounder
