// How many workers of a GPU may step at the same time before they get into each other's way.
#pragma once

#include <sounder/data/dataset.hpp>

#include <sounder/cuda/caps.hpp>

namespace sounder::cuda {

/// The conflict index of one worker: the expected number of updates of one other worker that are under way on the row of an update,
/// sum p^2 / sum p over the rows of the id space where it is largest, p being the share of the examples that touch a row. Times the
/// number of workers, it says how many updates of a row are computed from the same old value.
double conflict_index(const Dataset& data);

/// Workers of `lanes` threads that run at the same time.
int workers_that_fit(const Caps& caps, int lanes);

/// Workers of `lanes` threads that fill the device, but no more than the conflict index allows in all, nor so many that less than
/// kPieces pieces an epoch were left to each. `adds`: no update is lost, so more may meet.
int workers_for(const Dataset& data, const Caps& caps, int lanes, bool adds);

}  // namespace sounder::cuda
