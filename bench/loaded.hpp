// What all runs of a session on one machine train on and start from.
#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include <sounder/data/dataset.hpp>
#include <sounder/train/fit.hpp>

#include "settings.hpp"

namespace sounder::bench {

struct Loaded {
  std::optional<SavedModel> start;
  std::optional<Checkpoint> resume;
  std::optional<Dataset> train, test;
  double seconds = 0;

  /// Problem of a kernel that was made for `train`.
  Problem problem(const Kernel& kernel, const Settings& settings) const;
};

/// All files that the settings name. Throws Error.
Loaded load_all(const Settings& settings);

/// Tells people what was loaded. `step`: a remark on where the step size comes from.
void introduce(const Loaded& loaded, const Kernel& kernel, const Settings& settings, const std::string& step, std::FILE* out);

/// --save and --predict, as far as the run allows; says on stderr what was not written.
void write_models(const Loaded& loaded, const Kernel& kernel, const Settings& settings, const Result& result, Team& team);

}  // namespace sounder::bench
