#include "model/classes.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder {

int classes_of(const Dataset& data, const char* model, int most) {
  float highest = 0;
  for (const float label : data.labels()) {
    if (!(label >= 0 && label == std::floor(label)))
      throw Error(fmt::format("--model {} needs classes 0, 1, ... as labels, but {} holds label {}", model, data.name(), label));
    highest = std::max(highest, label);
  }
  if (highest >= static_cast<float>(most))
    throw Error(fmt::format("--model {} can tell {} classes apart, but {} holds {}: merge some", model, most, data.name(),
                            static_cast<double>(highest) + 1));
  return static_cast<int>(highest) + 1;
}

}  // namespace sounder
