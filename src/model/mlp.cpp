#include <sounder/model/mlp.hpp>

#include <cmath>

#include <sounder/data/random.hpp>

#include "model/lengths.hpp"

namespace sounder::mlp {
namespace {

double squares(const Parameters& parameters, std::size_t table, std::size_t rows) {
  double sum = 0;
  for (std::size_t row = 0; row < rows; ++row)
    for (const float w : parameters.row(table, row)) sum += static_cast<double>(w) * static_cast<double>(w);
  return sum;
}

void draw(std::span<float> weights, double variance, std::uint64_t seed, std::uint64_t layer, std::uint32_t id) {
  Random random(seed, layer << 32 | id);
  for (float& w : weights) w = static_cast<float>(std::sqrt(variance) * random.normal());
}

}  // namespace

Layout layout(const Dataset& data, int width) {
  return Layout{{.rows = data.features(), .width = width, .space = 0},
                {.rows = 1, .width = width},
                {.rows = static_cast<std::size_t>(width) + 1, .width = kClasses}};
}

void initialize(Parameters& parameters, const Dataset& data, int hidden, std::uint64_t seed) {
  const auto units = static_cast<std::size_t>(hidden);
  const double inputs = squared_lengths(data).mean;
  for (std::uint32_t row = 0; row < data.numbering().size(); ++row)
    draw(parameters.row(0, row).first(units), 2 / inputs, seed, 1, data.numbering().original(row));
  for (std::uint32_t unit = 0; unit < units; ++unit)
    draw(parameters.row(2, unit).first(data.classes().size()), 2. / hidden, seed, 2, unit);
}

double penalty(const Parameters& parameters, float l2) {
  if (l2 == 0) return 0;
  const Layout& layout = parameters.layout();
  return static_cast<double>(l2) / 2 * (squares(parameters, 0, layout.shape(0).rows) + squares(parameters, 2, layout.shape(2).rows - 1));
}

double default_step(const Dataset& data) { return kStep / squared_lengths(data).mean; }

}  // namespace sounder::mlp
