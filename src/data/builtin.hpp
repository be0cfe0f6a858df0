// Private to the data code: the shipped sets.
#pragma once

#include <string>
#include <string_view>

#include <sounder/data/columns.hpp>
#include <sounder/data/load.hpp>

namespace sounder {

/// `part`: "train", "test" or "" for all. Throws Error where the set is unknown, of another format or not found.
Columns load_builtin(std::string_view name, std::string_view part, Format format);

}  // namespace sounder
