// What every reducer of vectors is held to.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <sounder/data/random.hpp>

#include "collectives.hpp"
#include "reduce/reducer.hpp"

namespace sounder::test {

using MakeReducer = std::function<std::unique_ptr<mpi::Reducer>(mpi::Endpoint&)>;

/// Whole numbers, whose sums are exact in any order.
inline std::vector<float> whole_numbers(std::size_t size, int rank) {
  std::vector<float> vector;
  for (std::size_t i = 0; i < size; ++i) vector.push_back(static_cast<float>((i * 7 + static_cast<std::size_t>(rank) * 13) % 101));
  return vector;
}

inline std::vector<float> random_vector(std::size_t size, int rank) {
  Random random(5, static_cast<std::uint64_t>(rank));
  std::vector<float> vector;
  for (std::size_t i = 0; i < size; ++i) vector.push_back(static_cast<float>(random.normal()));
  return vector;
}

/// Called by all ranks: whether sums of whole numbers are exact, those of others right to rounding, and all ranks hold the same bytes, of
/// vectors of any size, again and again.
inline bool adds_up(mpi::Endpoint& endpoint, const MakeReducer& make, const std::vector<std::size_t>& sizes) {
  const auto reducer = make(endpoint);
  bool good = true;
  for (const std::size_t size : sizes) {
    std::vector<float> whole = whole_numbers(size, endpoint.rank()), any = random_vector(size, endpoint.rank());
    reducer->sum(whole);
    reducer->sum(any);
    std::vector<float> exact(size);
    std::vector<double> about(size), sizes_added(size);
    for (int rank = 0; rank < endpoint.size(); ++rank) {
      const std::vector<float> of_whole = whole_numbers(size, rank), of_any = random_vector(size, rank);
      for (std::size_t i = 0; i < size; ++i) {
        exact[i] += of_whole[i];
        about[i] += static_cast<double>(of_any[i]);
        sizes_added[i] += std::abs(static_cast<double>(of_any[i]));
      }
    }
    good &= whole == exact;
    for (std::size_t i = 0; i < size; ++i) good &= std::abs(static_cast<double>(any[i]) - about[i]) <= 1e-6 * sizes_added[i];
    for (const mpi::Payload& theirs : mpi::all_gather(endpoint, mpi::Payload::of(any)))
      good &= std::equal(theirs.as<float>().begin(), theirs.as<float>().end(), any.begin(), any.end());
  }
  return good;
}

/// A reducer that does wrong in one respect, on one rank.
class Mutant final : public mpi::Reducer {
 public:
  enum class Fault { gives_nothing, gives_twice, keeps_its_own, one_float_off };
  Mutant(std::unique_ptr<mpi::Reducer> right, Fault fault, bool here) : right_(std::move(right)), fault_(fault), here_(here) {}

  void sum(std::span<float> vector) override {
    const std::vector<float> own(vector.begin(), vector.end());
    if (here_ && fault_ == Fault::gives_nothing) std::fill(vector.begin(), vector.end(), 0.f);
    if (here_ && fault_ == Fault::gives_twice)
      for (float& value : vector) value += value;
    right_->sum(vector);
    if (here_ && fault_ == Fault::keeps_its_own) std::copy(own.begin(), own.end(), vector.begin());
    if (here_ && fault_ == Fault::one_float_off && !vector.empty()) vector.back() = std::nextafter(vector.back(), 1e30f);
  }

 private:
  std::unique_ptr<mpi::Reducer> right_;
  Fault fault_;
  bool here_;
};
inline constexpr Mutant::Fault kFaults[] = {Mutant::Fault::gives_nothing, Mutant::Fault::gives_twice, Mutant::Fault::keeps_its_own,
                                            Mutant::Fault::one_float_off};

}  // namespace sounder::test
