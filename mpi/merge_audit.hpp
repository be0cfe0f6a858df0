// What --audit checks where ranks merge what they hold: that all got the same, and that it is made of what all gave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <sounder/params/parameters.hpp>

#include "endpoint.hpp"
#include "modes/mode.hpp"
#include "reduce/row_sums.hpp"

namespace sounder::mpi {

/// A linear function of a vector, sum of h(i) x_i with fixed pseudorandom h(i), 1 to 2 in size: of a sum or a mean of vectors it is the sum
/// or the mean of theirs, to rounding, and hardly of anything else.
struct Checksum {
  double value = 0;
  double size = 0;  ///< sum of |x_i|: what rounding is judged by
  void add(std::span<const float> values, std::size_t first);  ///< elements first, first + 1, ...
  Checksum& operator+=(const Checksum& other) { return value += other.value, size += other.size, *this; }
};
Checksum checksum(std::span<const float> values);
Checksum checksum(const RowView& rows, const RowNumbers& numbers);

/// Counts for one rank. A read is a merged replica of this rank that was checked; a violation is one that broke a promise.
class MergeAudit {
 public:
  explicit MergeAudit(bool on) : on_(on) {}
  bool on() const { return on_; }

  /// The ranks have added up what each `gave`, and this one `got` that and then holds `replica`: the same bits as the others. Collective.
  void sum(Endpoint& endpoint, std::uint64_t clock, const Checksum& gave, const Checksum& got, const Parameters& replica);
  /// The same of a mean by weights, `got` being the replica.
  void mean(Endpoint& endpoint, std::uint64_t clock, const Checksum& gave, double weight, std::span<const float> got);
  /// Of a replica that is no mean any more: that it has the same bits everywhere.
  void alike(Endpoint& endpoint, std::uint64_t clock, std::span<const float> got);

  /// A replica that is checked against what single frames said, without asking anyone.
  void replica(bool good, const std::string& what);

  /// Reads, violations and the first of these, into what a mode tells.
  void report(ModeTelemetry& telemetry) const;

 private:
  enum class Merge { sum, mean, none };
  void check(Endpoint& endpoint, std::uint64_t clock, Merge merge, const Checksum& gave, double weight, const Checksum& got, std::uint64_t digest);

  bool on_;
  std::uint64_t reads_ = 0, violations_ = 0;
  std::string first_;
};

/// Of a mixing with neighbours, where each rank knows its own links only. A sender signs what it sends with the weight that it thinks it
/// has at the receiver and the checksum of its values; the receiver compares both with what it does.
class MixingAudit {
 public:
  static void sign(Header& header, double weight, std::span<const float> values);

  /// The receiver is in round `clock`, and gives these values this weight; `mine`: its own values.
  void heard(MergeAudit& audit, const Frame& frame, std::uint64_t clock, double weight);
  void own(double weight, std::span<const float> values);
  /// All of a round has been heard, and mixed into this.
  void mixed(MergeAudit& audit, std::uint64_t clock, std::span<const float> values);

 private:
  double weights_ = 0;
  Checksum expected_;
};

}  // namespace sounder::mpi
