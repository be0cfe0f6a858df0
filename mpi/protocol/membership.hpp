// Who is still there, when a wait has passed its deadline: a pure state machine, agreed on by all who still answer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// A wait of one rank for others.
struct WaitReport {
  std::vector<int> on;      ///< the ranks that are missing; empty: unknown
  std::string what;         ///< "the gradients of the round"
  std::uint64_t clock = 0;  ///< the round of the rank that waits
  double seconds = 0;       ///< so far
  bool overdue = false;     ///< whether it passed the deadline
  bool operator==(const WaitReport&) const = default;
};

/// Decides, once, and the same on all ranks that hear each other:
///
///   1. The rank whose wait is overdue tells all others what it waits for; who hears of it does the same. Every rank so asks all others
///      whether they are there, and answers. A communication thread answers, not the thread that trains: a slow rank is not a missing one.
///   2. Whoever has not told within the grace time is missing, for this rank. Each sends its view to all: who is missing, and what all
///      the ranks that it heard of wait for. Views are merged and sent again when they grew.
///   3. A rank decides when every rank that it does not miss has sent the very view that it holds itself.
///
/// Agreement, whatever is lost or late and whoever stops in between: views only grow, and who has decided sends no other. If ranks i and
/// j do not miss each other, each has decided on a view that the other has sent, and sent before or as its own last one. So each
/// view contains the other: they are equal, and so is the text made of them. (A rank that others miss and that wakes up again
/// learns so from their views.)
class Membership {
 public:
  /// `report`: what this rank waits for now. `grace_seconds`: how long a rank may take to answer.
  Membership(int rank, int size, double grace_seconds, std::function<std::vector<WaitReport>()> report);
  virtual ~Membership() = default;

  /// A wait of this rank is overdue. `now`: seconds of any clock, never less than before.
  void suspect(double now, Outbox& out);
  /// A frame of Kind::verdict.
  void receive(double now, const Frame& frame, Outbox& out);
  /// Time passes: to be called a few times within the grace time, while active().
  void tick(double now, Outbox& out);
  /// A rank has said goodbye: it is neither missed nor asked.
  void leave(int rank);
  /// Names of machines, by rank, for the text; the same on all ranks, or empty.
  void set_hosts(std::vector<std::string> hosts) { hosts_ = std::move(hosts); }
  /// The run has failed for another reason: others are told.
  void announce(const std::string& reason, Outbox& out);

  bool active() const { return phase_ != Phase::idle && !verdict_; }
  /// Whom this rank misses so far.
  const std::set<int>& missing() const { return view_.missing; }
  /// One sentence, once decided.
  const std::optional<std::string>& verdict() const { return verdict_; }

 protected:
  /// All ranks that this one does not miss have sent the view that it holds. Virtual for the negative control of the tests.
  virtual bool agreed() const;

 private:
  enum class Phase { idle, asking, agreeing };
  struct View {
    std::set<int> missing;
    std::map<int, std::vector<WaitReport>> waits;  ///< of the ranks that were heard of
    std::vector<std::string> hosts;
    bool operator==(const View&) const = default;
    bool merge(const View& other);  ///< whether it grew
  };

  void join(double now, Outbox& out);
  void tell(Outbox& out, const char* type);
  void tell_verdict(int to, Outbox& out);
  void conclude(double now, Outbox& out);
  bool expected(int rank) const { return rank != rank_ && !left_.contains(rank) && !view_.missing.contains(rank); }
  std::string text() const;

  const int rank_, size_;
  const double grace_;
  const std::function<std::vector<WaitReport>()> report_;
  std::vector<std::string> hosts_;
  std::set<int> left_;
  Phase phase_ = Phase::idle;
  double since_ = 0;            ///< when this rank last began to wait for answers
  std::set<int> heard_;         ///< who has told in this phase
  View view_;
  std::map<int, View> views_;   ///< the last of each rank
  std::optional<std::string> verdict_;
  bool told_ = false;           ///< whether the verdict was sent to all
};

}  // namespace sounder::mpi
