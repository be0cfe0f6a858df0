// The one exception that Sounder throws on purpose.
#pragma once

#include <stdexcept>
#include <string>

namespace sounder {

/// Bad input: a file, a flag or an option that cannot be used.
/// The message is one sentence: what is wrong, where (file:line or the option), what to do.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace sounder
