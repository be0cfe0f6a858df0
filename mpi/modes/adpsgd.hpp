// Mode adpsgd, as its tests take it apart.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "modes/mode.hpp"
#include "protocol/pair_average.hpp"

namespace sounder::mpi {

/// Who averages with others.
using PairAverageFactory = std::function<std::unique_ptr<PairAverage>(std::vector<float> values)>;

std::unique_ptr<RankDiscipline> make_adpsgd(const Setting& setting, const PairAverageFactory& make_pair = [](std::vector<float> values) {
  return std::make_unique<PairAverage>(std::move(values));
});

}  // namespace sounder::mpi
