#include "model/classes.hpp"

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder {

int classes_of(const Dataset& data, const char* model, int most) {
  const std::size_t classes = data.classes().size();
  if (classes == 0) throw Error(fmt::format("--model {} needs classes as labels, but {} holds none", model, data.name()));
  if (classes > static_cast<std::size_t>(most))
    throw Error(fmt::format("--model {} can tell {} classes apart, but {} holds {}: merge some of them", model, most,
                            data.name(), classes));
  return static_cast<int>(classes);
}

}  // namespace sounder
