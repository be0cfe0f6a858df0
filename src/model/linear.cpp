#include <sounder/model/linear.hpp>

#include <algorithm>

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

namespace {

/// Of the squared lengths of the examples; 1 where all are empty.
struct SquaredLengths {
  double mean = 1, most = 1;
};

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

}  // namespace

double default_step(const Dataset& data, double steps, float l2, bool bounded_slope) {
  const SquaredLengths lengths = squared_lengths(data);
  double step = steps / lengths.mean;
  if (!bounded_slope) step = std::min(step, 1 / lengths.most);
  return l2 > 0 ? std::min(step, 1 / (static_cast<double>(l2) * static_cast<double>(data.size()))) : step;
}

}  // namespace sounder::linear
