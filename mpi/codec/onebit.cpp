// Codec `onebit`: of a block of 64 floats the mean of those below 0, the mean of the others, and a bit for each that says which. The sum of
// the block is kept. 16 bytes instead of 256.
// Source: Seide, Fu, Droppo, Li, Yu, "1-bit stochastic gradient descent and its application to data-parallel distributed training of speech
//   DNNs", Interspeech 2014, which has a column where this has a block.
#include <cstdint>

#include "codec/blocks.hpp"

namespace sounder::mpi {
namespace {

struct OneBit {
  static constexpr std::size_t bytes(std::size_t floats) { return 2 * sizeof(float) + (floats + 7) / 8; }

  static void write(std::span<const float> block, std::byte* to) {
    double sums[2] = {0, 0};
    std::size_t counts[2] = {0, 0};
    std::uint64_t bits = 0;
    static_assert(kCodecBlock <= 64);
    for (std::size_t i = 0; i < block.size(); ++i) {
      const bool below = block[i] < 0;
      sums[below] += static_cast<double>(block[i]), ++counts[below];
      bits |= std::uint64_t{below} << i;
    }
    float means[2];
    for (const int side : {0, 1}) means[side] = counts[side] > 0 ? static_cast<float>(sums[side] / static_cast<double>(counts[side])) : 0;
    std::memcpy(to, means, sizeof means);
    std::memcpy(to + sizeof means, &bits, (block.size() + 7) / 8);  // low bytes first: ranks are little-endian, as hello checks
  }
  static void read(const std::byte* from, std::span<float> block) {
    float means[2];
    std::uint64_t bits = 0;
    std::memcpy(means, from, sizeof means);
    std::memcpy(&bits, from + sizeof means, (block.size() + 7) / 8);
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = means[bits >> i & 1];
  }
};

}  // namespace

std::unique_ptr<Codec> make_onebit(const RowNumbers& numbers) { return std::make_unique<BlockCodec<OneBit>>(numbers); }

}  // namespace sounder::mpi
