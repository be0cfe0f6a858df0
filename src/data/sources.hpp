// Private to the data code: shipped and generated sets by their name.
#pragma once

#include <optional>
#include <string>

#include <sounder/data/columns.hpp>
#include <sounder/data/load.hpp>

namespace sounder {

/// The set that `builtin:NAME...` or `synthetic:NAME...` means; nothing where `source` is a path.
std::optional<Columns> load_named(const std::string& source, Format format);

}  // namespace sounder
