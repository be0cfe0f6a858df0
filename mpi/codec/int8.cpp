// Codec `int8`: a block of 64 floats is a scale, its largest magnitude / 127, and a whole number of scales for each: off by half a scale
// at most. 68 bytes instead of 256.
// Source: Dettmers, "8-bit approximations for parallelism in deep learning", ICLR 2016, with linear steps.
#include <cmath>
#include <cstdint>

#include "codec/blocks.hpp"

namespace sounder::mpi {
namespace {

struct Int8 {
  static constexpr std::size_t bytes(std::size_t floats) { return sizeof(float) + floats; }

  static void write(std::span<const float> block, std::byte* to) {
    float most = 0;
    for (const float value : block) most = std::max(most, std::abs(value));
    const float scale = most / 127;
    std::memcpy(to, &scale, sizeof scale);
    to += sizeof scale;
    for (std::size_t i = 0; i < block.size(); ++i) {
      const long steps = scale > 0 ? std::clamp(std::lround(block[i] / scale), -127L, 127L) : 0;
      to[i] = static_cast<std::byte>(static_cast<std::int8_t>(steps));
    }
  }
  static void read(const std::byte* from, std::span<float> block) {
    float scale = 0;
    std::memcpy(&scale, from, sizeof scale);
    from += sizeof scale;
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = scale * static_cast<float>(static_cast<std::int8_t>(from[i]));
  }
};

}  // namespace

std::unique_ptr<Codec> make_int8(const RowNumbers& numbers) { return std::make_unique<BlockCodec<Int8>>(numbers); }

}  // namespace sounder::mpi
