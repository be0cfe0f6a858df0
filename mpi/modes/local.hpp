// Mode local, as its tests take it apart.
#pragma once

#include <functional>
#include <memory>

#include "modes/mode.hpp"
#include "reduce/mean.hpp"

namespace sounder::mpi {

/// How ranks come to the mean of their values (MeanReducer::reduce).
using Average = std::function<void(MeanReducer& reducer, std::span<const float> base, std::span<float> values, double weight,
                                   const MeanReducer::Finish& finish)>;
inline void average_by_slices(MeanReducer& reducer, std::span<const float> base, std::span<float> values, double weight,
                              const MeanReducer::Finish& finish) {
  reducer.reduce(base, values, weight, finish);
}

std::unique_ptr<RankDiscipline> make_local(const Setting& setting, Average average = average_by_slices);

}  // namespace sounder::mpi
