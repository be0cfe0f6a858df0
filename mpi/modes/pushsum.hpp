// Mode pushsum, as its tests take it apart.
#pragma once

#include <functional>
#include <memory>

#include "modes/mode.hpp"
#include "protocol/push_sum.hpp"

namespace sounder::mpi {

/// Who gives and takes mass.
using PushSumFactory = std::function<std::unique_ptr<PushSum>(std::size_t floats)>;

std::unique_ptr<RankDiscipline> make_pushsum(const Setting& setting, const PushSumFactory& make_sum = [](std::size_t floats) {
  return std::make_unique<PushSum>(floats);
});

}  // namespace sounder::mpi
