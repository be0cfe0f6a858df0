// How many gradients of a row may be added up, before their mean has to be taken.
#pragma once

#include <vector>

#include "modes/mode.hpp"
#include "reduce/row_sums.hpp"

namespace sounder::mpi {

/// The largest of 128, 64, ..., 1 so that a round which adds up so many gradients of each row, and of more their mean times as many,
/// does not overshoot: the step on the sum, as a map of the parameters, changes the gradient by less than it was. Measured at the
/// parameters as they are, on some examples of each virtual shard, along the directions in which the gradient grows most (power
/// iteration). 1 is the mean, which is stable where single steps are, and as much slower as there are examples in a round (AdaBatch);
/// see Ma, Bassily, Belkin, "The power of interpolation", ICML 2018, on why a sum is as good as single steps up to such a limit.
///
/// `shares`: [table][row], in which share of the examples each row is touched. The same on all ranks, and for any number of them.
/// Collective; costs some passes over 1,024 examples and a copy of the parameters.
double sum_limit(const Setting& setting, const RowNumbers& numbers, const std::vector<std::vector<double>>& shares, double examples_of_round);

}  // namespace sounder::mpi
