#include "model/lengths.hpp"

#include <algorithm>

namespace sounder {

SquaredLengths squared_lengths(const Dataset& data) {
  const Examples examples = data.examples();
  double sum = 0, most = 0;
  for (std::size_t i = 0; i < examples.count; ++i) {
    const Example x = examples[i];
    double squares = x.values ? 0 : x.size;
    if (x.values)
      for (std::uint32_t j = 0; j < x.size; ++j) squares += static_cast<double>(x.values[j]) * static_cast<double>(x.values[j]);
    sum += squares;
    most = std::max(most, squares);
  }
  return sum > 0 ? SquaredLengths{sum / static_cast<double>(examples.count), most} : SquaredLengths{};
}

}  // namespace sounder
