// What a codec has left out so far, and when it goes along.
#pragma once

#include <cstdint>
#include <vector>

#include "reduce/row_sums.hpp"

namespace sounder::mpi {

/// After each round: what was sent + what waits here = all gradients so far, to rounding.
/// Source: Seide et al. 2014; Karimireddy et al., "Error feedback fixes SignSGD", ICML 2019.
class ErrorFeedback {
 public:
  explicit ErrorFeedback(const RowNumbers& numbers);

  /// The gradient and what waits for its rows; `all`: and all other rows that wait.
  RowSums with(RowSums gradient, bool all) const;
  /// Of what with() said, only so much was sent: rows that are among it. The rest waits.
  void keep(const RowView& wanted, const RowView& sent);

 private:
  RowSums waiting_rows() const;

  const RowNumbers& numbers_;
  std::vector<float> sums_, decays_;     ///< of all rows
  std::vector<std::uint32_t> waiting_;   ///< rows with something that waits, ascending
};

}  // namespace sounder::mpi
