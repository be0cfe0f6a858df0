#include <sounder/model/linear.hpp>

#include <algorithm>

namespace sounder::linear {

Layout layout(const Dataset& data) { return Layout{{.rows = data.features(), .width = 1, .space = 0}, {.rows = 1}}; }

double penalty(const Parameters& parameters, float l2) {
  if (l2 == 0) return 0;
  double squares = 0;
  for (std::size_t row = 0; row < parameters.layout().shape(0).rows; ++row) {
    const double w = static_cast<double>(parameters.row(0, row)[0]);
    squares += w * w;
  }
  return static_cast<double>(l2) / 2 * squares;
}

namespace {

double mean_squared_length(const Dataset& data) {
  const Examples examples = data.examples();
  double squares = 0;
  for (std::size_t i = 0; i < examples.count; ++i) {
    const Example x = examples[i];
    if (!x.values)
      squares += x.size;
    else
      for (std::uint32_t j = 0; j < x.size; ++j) squares += static_cast<double>(x.values[j]) * static_cast<double>(x.values[j]);
  }
  return squares > 0 ? squares / static_cast<double>(examples.count) : 1;
}

}  // namespace

double default_step(const Dataset& data, double steps, float l2) {
  const double by_loss = steps / mean_squared_length(data);
  return l2 > 0 ? std::min(by_loss, 1 / (static_cast<double>(l2) * static_cast<double>(data.size()))) : by_loss;
}

}  // namespace sounder::linear
