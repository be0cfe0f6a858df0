// Which gradients count in mode backup, and their sums: a pure state machine, one on each rank.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// | kind     | from, to           | clock | detail                         | more                    | payload                         |
/// |----------|--------------------|-------|--------------------------------|-------------------------|---------------------------------|
/// | push     | worker to owners   | step  | kGoodbye: none follows         | of the worker           | its gradient of the owner's rows |
/// | advanced | rank 0 to each     | step  | how many count                 | of the first of these   | who counts; who is taken out    |
/// | values   | owner to each      | step  | gradients of other steps in it | as advanced             | the same, and the sum           |
///
/// All on channel bulk. The owners own some rows each, and add up their gradients. Rank 0 alone decides: when gradients of the step from
/// `needed` members have come there, these count, on all ranks; what comes later is let go. The steps are one order that all ranks go
/// through alike, so a member that is taken out is taken out at the same step for everyone.
class BackupServer {
 public:
  struct Plan {
    int rank = 0, ranks = 1;
    int owners = 1;              ///< the first ranks, which own rows; rank 0 does
    std::vector<int> members{};  ///< who gives gradients
    int needed = 1;              ///< of these, a step
    int evict_after = 0;         ///< steps in a row without a member's gradient, after which it is taken out; 0: never
  };
  static constexpr std::uint64_t kGoodbye = 1;
  /// Adds gradients up, in the order of the ranks.
  using Add = std::function<std::vector<std::byte>(std::span<const Payload> gradients)>;

  BackupServer(Plan plan, Add add);
  virtual ~BackupServer() = default;

  /// A push or a decision.
  void receive(const Frame& frame, Outbox& out);

  /// Steps whose sums this rank has sent; of a rank that owns nothing, those that were decided. Any thread.
  std::uint64_t closed() const { return closed_.load(std::memory_order_acquire); }
  std::uint64_t decided() const { return decided_; }            ///< steps that rank 0 has decided on
  bool all_left() const { return goodbyes_ == plan_.ranks; }  ///< no push comes to this owner any more
  /// Whose gradients of a step have not come here, of those that may count or do.
  std::vector<int> missing(std::uint64_t step) const;

  /// In front of the sum, in a payload of kind values.
  struct Verdict {
    std::vector<std::int32_t> counted, evicted;
    std::size_t bytes() const { return (2 + counted.size() + evicted.size()) * sizeof(std::int32_t); }
  };
  static Verdict verdict_of(const Payload& payload);

 protected:
  /// Which step a gradient counts for. Virtual for the negative control of the tests.
  virtual std::uint64_t step_of(const Header& header) const { return header.clock; }

 private:
  struct Step {
    std::map<int, Frame> gradients;
    std::vector<int> order;  ///< of arrival; members alone
    std::optional<Verdict> verdict;
    Payload decision;
    std::uint64_t more = 0;
  };
  void decide(bool goodbye, Outbox& out);
  void declare(Verdict verdict, std::uint64_t more, Outbox& out);
  void close(Outbox& out);

  Plan plan_;
  Add add_;
  std::set<int> members_, left_;
  std::map<int, int> missed_;          ///< steps in a row
  std::map<std::uint64_t, Step> steps_;  ///< open ones
  std::uint64_t decided_ = 0;
  int goodbyes_ = 0;
  // Written by: who calls receive(). Read by: the thread that trains, which then waits for the sums. Order: release and acquire.
  std::atomic<std::uint64_t> closed_{0};
};

}  // namespace sounder::mpi
