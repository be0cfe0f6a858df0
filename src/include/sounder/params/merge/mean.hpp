// Merge `mean`: how independent copies become one.
#pragma once

#include <cstddef>
#include <span>

namespace sounder {

/// out[i] = sum over k of share[k] * copies[k][i], in the order of k; copies without a share are left out. Rule state is
/// averaged like the weights. The shares should add up to 1 (Zinkevich et al. 2010).
inline void merge_mean(std::span<const float* const> copies, std::span<const float> shares, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    float sum = 0;
    for (std::size_t k = 0; k < copies.size(); ++k)
      if (shares[k] > 0) sum += shares[k] * copies[k][i];
    out[i] = sum;
  }
}

}  // namespace sounder
