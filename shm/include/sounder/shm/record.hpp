// Writing down the interleaving of a run of mode hogwild.
#pragma once

#include <sounder/options.hpp>
#include <sounder/train/recording.hpp>

namespace sounder::shm {

/// A backend of mode hogwild with rule sgd whose workers really run at the same time, but touch one cell at a time, so
/// that the order is known. Adds each round to `recording`, which must outlive it; facts and digest are the caller's.
/// Throws Error on options that cannot be recorded; prepare() on a run of more than about
/// Recording::kMostOperations, run() when one is exceeded.
std::unique_ptr<Backend> make_recorder(const Options& options, Recording& recording);

}  // namespace sounder::shm
