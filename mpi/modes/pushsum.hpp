// Mode pushsum, as its tests take it apart.
#pragma once

#include <functional>
#include <memory>

#include "modes/mode.hpp"
#include "protocol/push_sum.hpp"

namespace sounder::mpi {

/// Who gives and takes mass, and holds `weight` at first.
using PushSumFactory = std::function<std::unique_ptr<PushSum>(std::size_t floats, double weight)>;

std::unique_ptr<RankDiscipline> make_pushsum(const Setting& setting, const PushSumFactory& make_sum = [](std::size_t floats, double weight) {
  return std::make_unique<PushSum>(floats, weight);
});

}  // namespace sounder::mpi
