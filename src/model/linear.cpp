#include <sounder/model/linear.hpp>

#include <algorithm>

#include "model/lengths.hpp"

namespace sounder::linear {

Layout layout(const Dataset& data, int width) {
  return Layout{{.rows = data.features(), .width = width, .space = 0}, {.rows = 1, .width = width}};
}

double penalty(const Parameters& parameters, float l2) {
  if (l2 == 0) return 0;
  double squares = 0;
  for (std::size_t row = 0; row < parameters.layout().shape(0).rows; ++row)
    for (const float w : parameters.row(0, row)) squares += static_cast<double>(w) * static_cast<double>(w);
  return static_cast<double>(l2) / 2 * squares;
}

double default_step(const Dataset& data, double steps, float l2, bool bounded_slope) {
  const SquaredLengths lengths = squared_lengths(data);
  double step = steps / lengths.mean;
  if (!bounded_slope) step = std::min(step, 1 / lengths.most);
  return l2 > 0 ? std::min(step, 1 / (static_cast<double>(l2) * static_cast<double>(data.all_examples()))) : step;
}

}  // namespace sounder::linear
