// Philox4x32-10: the key is the seed, the counter is (number of the block, stream).
#include <sounder/data/random.hpp>

#include <cmath>
#include <numbers>

#include <Random123/philox.h>

namespace sounder {

std::uint64_t Random::next() {
  if (left_ == 0) {
    const auto low = [](std::uint64_t word) { return static_cast<std::uint32_t>(word); };
    const auto high = [](std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); };
    const r123::Philox4x32::ctr_type counter{{low(counter_), high(counter_), low(stream_), high(stream_)}};
    const r123::Philox4x32::key_type key{{low(seed_), high(seed_)}};
    const auto words = r123::Philox4x32()(counter, key);
    block_ = {words[0] | std::uint64_t{words[1]} << 32, words[2] | std::uint64_t{words[3]} << 32};
    ++counter_;
    left_ = 2;
  }
  return block_[static_cast<std::size_t>(2 - left_--)];
}

// Lemire, "Fast random integer generation in an interval", 2019: the rejection makes every result equally likely.
std::uint64_t Random::below(std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide{next()} * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < threshold) product = Wide{next()} * bound;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

double Random::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // 1 - uniform() is never 0
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

}  // namespace sounder
