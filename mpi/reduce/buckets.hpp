// The sum of a vector over ranks piece by piece, while the rest of it is computed.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "reduce/walked.hpp"

namespace sounder::mpi {

/// Pieces are announced as they are complete, and waited for as they are needed. They are served in the order of their numbers: piece i
/// sets out when piece i - kUnderWay has come, so that what is needed first comes first, and the link does not rest in between. The
/// numbers tell them apart: ranks may announce them in different orders, which costs time and changes nothing.
class Buckets {
 public:
  /// Piece i ends at float ends[i]. Made by all ranks in the same order, as are their calls of open().
  Buckets(Endpoint& endpoint, std::unique_ptr<WalkedReducer> reducer, std::vector<std::size_t> ends);
  virtual ~Buckets();

  std::size_t count() const { return ends_.size(); }
  /// Of a piece: this rank's until it is announced, the sum of all ranks' after await(), nobody's to touch in between.
  std::span<float> operator[](std::size_t i);

  /// A new vector begins; all pieces of the one before have been waited for.
  void open();
  /// The piece is complete, and sets out. At once.
  virtual void announce(std::size_t i);
  /// Waits for the sum, which is the same bytes on all ranks. Throws RankLost; Error for a piece that this rank has not announced: it
  /// would wait for itself.
  std::span<const float> await(std::size_t i);

 private:
  static constexpr std::size_t kUnderWay = 2;

  struct Sum {
    Sum(Endpoint& endpoint, const WalkedReducer& reducer, std::span<float> piece) : under_way(endpoint) { walks = reducer.walks_of(under_way, piece); }
    std::vector<Walk> walks;
    Walks under_way;  // last: it ends before the walks that it lets run
  };

  Endpoint& endpoint_;
  const std::unique_ptr<WalkedReducer> reducer_;
  const std::vector<std::size_t> ends_;
  std::vector<float> floats_;
  std::vector<std::unique_ptr<Sum>> sums_;  ///< none on a single rank
};

}  // namespace sounder::mpi
