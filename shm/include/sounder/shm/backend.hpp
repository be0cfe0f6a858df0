// Training on the cores of one machine.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sounder/options.hpp>
#include <sounder/train/backend.hpp>

namespace sounder::shm {

/// Why options.mode cannot run with the other options, and what to do: one sentence, empty if it can.
std::string refusal(const Options& options);

/// The flags that a mode obeys, of those that only some modes do ("--batch", "--flush", ...).
std::vector<std::string_view> flags_of(Mode mode);

/// A backend for options.mode on options.threads workers of options.team, placed by options.pin.
/// `serial` gives the serial backend. The threads live as long as the backend. Throws Error if the mode is refused.
std::unique_ptr<Backend> make_backend(const Options& options);

}  // namespace sounder::shm
