// With what weights ranks average with those that they hear from, and how fast that makes them agree.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "protocol/topology.hpp"

namespace sounder::mpi {

/// The part of a rank's new value that comes from `rank`.
struct Share {
  int rank;
  double weight;
};

/// The weights of a round, by rank: what each takes from whom, ascending by rank, itself among them.
using Shares = std::vector<std::vector<Share>>;

/// By how much the most a row or a column of the matrix of the weights misses 1. Rows: equal values stay equal. Columns: the mean over the
/// ranks is kept; with a column that is off, ranks agree on something else (a rank that many hear from counts for more).
double imbalance(const Shares& shares);

/// Weights whose rows and columns sum to 1 in every round. Undirected graphs: Metropolis and Hastings, w_ij = 1 / (1 + the larger degree)
/// (Xiao and Boyd, 2004); directed ones, in which all ranks hear from equally many and tell as many: 1 / (1 + that number).
class Mixing {
 public:
  /// Throws Error if a sum were to miss 1 by more than 1e-15 a rank.
  explicit Mixing(const Topology& topology);

  const Shares& shares(std::uint64_t round) const { return known_->by_round[round % known_->by_round.size()]; }
  std::span<const Share> shares(int rank, std::uint64_t round) const { return shares(round)[static_cast<std::size_t>(rank)]; }

  /// 1 - the largest factor by which the distance from the mean shrinks over a period: 1: agreed exactly after one; 0: never. Of a
  /// graph that does not change this is 1 - |lambda_2| of its matrix. Full eigensolver, n^3 operations, at the first call.
  double spectral_gap() const;

 private:
  struct Known {
    std::vector<Shares> by_round;  ///< of the period
    std::once_flag asked;
    double gap = 0;  ///< once asked
  };
  std::shared_ptr<Known> known_;  ///< copies share it
};

/// The same with some ranks gone: their part stays with `self`, so that the weights still sum to 1.
std::vector<Share> without(std::span<const Share> shares, int self, const std::function<bool(int rank)>& gone);

/// A vector and its weight.
template <class T>
struct Part {
  double weight;
  const T* values;
};

/// out = the weighted sum, added up in double precision in the order of the parts; `out` may be one of them.
template <class T>
void mix(std::span<const Part<T>> parts, std::span<T> out) {
  constexpr std::size_t kBlock = 512;  // sums stay in the first cache
  double sums[kBlock];
  for (std::size_t begin = 0; begin < out.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, out.size() - begin);
    std::fill_n(sums, count, 0.);
    for (const Part<T>& part : parts)
      for (std::size_t i = 0; i < count; ++i) sums[i] += part.weight * static_cast<double>(part.values[begin + i]);
    for (std::size_t i = 0; i < count; ++i) out[begin + i] = static_cast<T>(sums[i]);
  }
}

}  // namespace sounder::mpi
