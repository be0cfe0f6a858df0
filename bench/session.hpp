// A bench program from the parsed flags to the exit status.
#pragma once

#include "settings.hpp"

namespace sounder::bench {

enum ExitStatus { kAllRan = 0, kBadInput = 2, kDiverged = 3, kNoDevice = 77, kInterrupted = 130 };

/// Loads, trains every planned run, reports. Throws Error on bad input.
int run_session(const Settings& settings);

/// A main: parses, runs, and turns every Error into one sentence on stderr and kBadInput.
int main_of(int argc, const char* const* argv);

}  // namespace sounder::bench
