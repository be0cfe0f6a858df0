#include <sounder/model/mf.hpp>

#include <sounder/data/random.hpp>

namespace sounder::mf {
namespace {

constexpr double kSpread = 0.1;  ///< start factors are uniform in +-kSpread

double squares(const Parameters& parameters, std::size_t table, std::span<const std::uint32_t> frequencies) {
  double sum = 0;
  for (std::size_t row = 0; row < frequencies.size(); ++row) {
    double length = 0;
    for (const float w : parameters.row(table, row)) length += static_cast<double>(w) * static_cast<double>(w);
    sum += length * frequencies[row];
  }
  return sum;
}

}  // namespace

// One row more than there are ids: the row of users and items that the training data does not hold. It stays 0.
Layout layout(const Dataset& data, int width) {
  return Layout{{.rows = data.numbering(0).size() + std::size_t{1}, .width = width, .space = 0},
                {.rows = data.numbering(1).size() + std::size_t{1}, .width = width, .space = 1},
                {.rows = 1}};
}

void initialize(Parameters& parameters, const Dataset& data, int factors, std::uint64_t seed) {
  for (std::uint32_t space = 0; space < 2; ++space) {
    const Numbering& numbering = data.numbering(space);
    for (std::uint32_t row = 0; row < numbering.size(); ++row) {
      Random random(seed, (std::uint64_t{space + 1} << 32) | numbering.original(row));  // whatever the numbering
      const auto weights = parameters.row(space, row);
      for (int k = 0; k < factors - 2; ++k)
        weights[static_cast<std::size_t>(k)] = static_cast<float>(kSpread * (2 * random.uniform() - 1));
    }
  }
  parameters.row(2, 0)[0] = static_cast<float>(data.sums().labels / static_cast<double>(data.all_examples()));
}

double penalty(const Parameters& parameters, const Dataset& data, float l2) {
  if (l2 == 0) return 0;
  const double sum = squares(parameters, 0, data.frequencies(0)) + squares(parameters, 1, data.frequencies(1));
  return static_cast<double>(l2) / 2 * sum / static_cast<double>(data.all_examples());
}

}  // namespace sounder::mf
