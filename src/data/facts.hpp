// Private to the data code: what the facts of all parts say of the whole.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <sounder/data/part.hpp>

namespace sounder {

/// Throws Error, the same for all parts, for the first fault of the file or where it holds no examples.
void check_facts(std::span<const PartFacts> all, std::string_view path, Format format);

/// Takes out values that are all 1, if they are so in all parts.
void leave_out_ones(Columns& columns, std::span<const PartFacts> all);

/// The examples of a file that was read in one part.
Columns checked(LoadedPart whole, std::string_view path, Format format);

}  // namespace sounder
