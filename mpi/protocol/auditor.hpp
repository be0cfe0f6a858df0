// A reader's own check of what servers give it, from the canary in the data and the witness beside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sounder/modes.hpp>

#include "protocol/canary.hpp"
#include "protocol/policy.hpp"

namespace sounder::mpi {

/// Decodes which clocks of which workers an answer holds, and notes what breaks a promise: the bound, exactness, an update missing before a
/// later one, one applied twice, one that was seen and is gone, an own one that is not there, a witness that says more than there is.
class Auditor {
 public:
  Auditor(int self, int workers, int servers, Visibility visibility)
      : self_(self), visibility_(visibility), seen_(static_cast<std::size_t>(servers), std::vector<std::uint64_t>(static_cast<std::size_t>(workers))) {}

  struct Answer {
    std::uint64_t clock, staleness;
    bool newest;               ///< no bound was asked for
    bool cached;               ///< own updates may be missing
    std::uint64_t own_clocks;  ///< of the reader, whose canary was sent to that server before it asked
    std::uint64_t first_lane;
    std::span<const std::uint64_t> witness;
    std::span<const std::span<const double>> canary;  ///< by worker: the lanes from first_lane on
  };
  void check(int server, const Answer& answer);

  /// Lanes before this one were seen full, and need not be sent again.
  std::uint64_t first_lane(int server) const;

  std::uint64_t reads() const { return reads_; }
  std::uint64_t violations() const { return violations_; }
  const std::string& first() const { return first_; }  ///< violation, or ""

 private:
  void broken(int server, std::uint64_t clock, const std::string& what);

  int self_;
  Visibility visibility_;
  std::vector<std::vector<std::uint64_t>> seen_;  // by server, by worker: clocks
  std::uint64_t reads_ = 0, violations_ = 0;
  std::string first_;
};

}  // namespace sounder::mpi
