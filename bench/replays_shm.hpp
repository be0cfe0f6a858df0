// --record and --replay: what a recording says of its run, and whether a replay is of the same one.
#pragma once

#include <sounder/data/dataset.hpp>
#include <sounder/train/fit.hpp>
#include <sounder/train/recording.hpp>

#include "settings_shm.hpp"

namespace sounder::bench {

/// Everything that the bits of a run depend on, by flag.
std::map<std::string, std::string> facts_of_run(const ShmSettings& settings, const Dataset& train);

/// Throws Error naming the first flag that the recording was not made with.
void check_facts_of_run(const Recording& recording, const ShmSettings& settings, const Dataset& train);

/// Throws Error unless a replay ended at the bits of the recording.
void check_replayed(const Recording& recording, const ShmSettings& settings, const Result& result);

}  // namespace sounder::bench
