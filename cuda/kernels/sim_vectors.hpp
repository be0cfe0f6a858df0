// Sums of vectors, as a CPU thread makes them.
#pragma once

#include <algorithm>

#include "device/device.hpp"

namespace sounder::cuda {

/// Block by block, so that a sum stays in the cache until all is added to it. The additions of a float and their order are those of the kernel.
inline void play_add_up(const VectorSum& sum) {
  constexpr std::size_t kBlock = 2048;
  for (std::size_t begin = 0; begin < sum.floats; begin += kBlock) {
    const std::size_t count = std::min(kBlock, sum.floats - begin);
    float x[kBlock];
    std::copy_n(sum.from[0] + begin, count, x);
    for (int k = 1; k < sum.count; ++k)
      for (std::size_t i = 0; i < count; ++i) x[i] += sum.from[k][begin + i];
    std::copy_n(x, count, sum.to + begin);
  }
}

}  // namespace sounder::cuda
