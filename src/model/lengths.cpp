#include "model/lengths.hpp"

namespace sounder {

SquaredLengths squared_lengths(const Dataset& data) {
  const Sums& sums = data.sums();
  if (!(sums.squared_lengths > 0)) return {};
  return {sums.squared_lengths / static_cast<double>(data.all_examples()), sums.longest};
}

}  // namespace sounder
