// From what workers gather to sums of rows, and from these to steps.
#pragma once

#include <cstdint>
#include <vector>

#include <sounder/kernel.hpp>
#include <sounder/mpi/data.hpp>
#include <sounder/params/gradient.hpp>
#include <sounder/train/chunk_queue.hpp>
#include <sounder/train/gatherer.hpp>
#include <sounder/train/team.hpp>

#include "endpoint.hpp"
#include "reduce/row_sums.hpp"

namespace sounder::mpi {

/// Moves what was gathered into rows that ascend. `gradient` is empty afterwards.
RowSums take_rows(Gradient& gradient, const RowNumbers& numbers);

/// The rows that anything was gathered of, copied. Ascending.
RowSums rows_of(const Gathered& gathered, const RowNumbers& numbers);

/// Steps the rule once in each row, on its sums times scale[table][row], on the workers of the team: no row is two workers', so
/// the bits do not depend on how many there are.
void step_on(const RowView& rows, const RowNumbers& numbers, const Kernel& kernel, const StepContext& context,
             const std::vector<std::vector<float>>& scale, Team& team);

/// In which share of the examples of all ranks each row of each table is touched, [table][row]; the thinned intercept counts as
/// 1/16. The same on all ranks, for any number of them: from the frequencies of the ids; where a table has none, counted in the
/// examples `own` of each rank. Collective.
std::vector<std::vector<double>> census(Endpoint& endpoint, const Kernel& kernel, const Dataset& data, const Range& own,
                                        std::uint64_t all_examples);

}  // namespace sounder::mpi
