// The files that a bench program writes, looked at before anything is trained.
#pragma once

#include <string>
#include <vector>

#include "settings.hpp"

namespace sounder::bench {

struct Input {
  const char* flag;
  std::string path;
};

struct Output {
  const char* flag;
  std::string path;
  bool renamed = false;      ///< made anew beside the old file, which it then replaces
  std::string may_also_be{}; ///< an input that it may write over
};

/// Those of the flags that every program has.
std::vector<Input> inputs_of(const Settings& settings);
std::vector<Output> outputs_of(const Settings& settings);

/// Throws Error if an output could not be written (a run may take hours), has an ending that says otherwise than it is
/// written, or is also another file.
void check_files(const std::vector<Input>& inputs, const std::vector<Output>& outputs);

}  // namespace sounder::bench
