#include <sounder/model/fm.hpp>

#include <sounder/data/random.hpp>

namespace sounder::fm {

constexpr double kSpread = 0.05;  ///< standard deviation of the start factors

void initialize(Parameters& parameters, const Dataset& data, int factors, std::uint64_t seed) {
  const Numbering& numbering = data.numbering();
  for (std::uint32_t row = 0; row < numbering.size(); ++row) {
    Random random(seed, std::uint64_t{1} << 32 | numbering.original(row));  // whatever the numbering
    for (float& w : parameters.row(0, row).first(static_cast<std::size_t>(factors) - 1))
      w = static_cast<float>(kSpread * random.normal());
  }
}

}  // namespace sounder::fm
