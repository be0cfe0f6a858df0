// Files that are never seen half written.
#pragma once

#include <string>
#include <string_view>

namespace sounder {

/// Writes `content` to a temporary file beside `path`, syncs it, renames it to `path`, and syncs the folder. Throws Error naming
/// the path and the reason; `path` then still holds what it held. What earlier
/// writers of `path` left when they were killed is removed.
void write_atomically(const std::string& path, std::string_view content);

}  // namespace sounder
