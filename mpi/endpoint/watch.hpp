// Watches over the other ranks: whether waits pass their deadline, what is agreed on then, and who has said goodbye.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "endpoint/desk.hpp"
#include "endpoint/direct_outbox.hpp"
#include "endpoint/farewell.hpp"
#include "protocol/frame.hpp"
#include "protocol/membership.hpp"
#include "transport/transport.hpp"

namespace sounder::mpi {

/// What communication threads have to tell each other; no other thread hears of it.
constexpr bool is_internal(Kind kind) { return kind == Kind::ping || kind == Kind::pong || kind == Kind::verdict || kind == Kind::bye; }

/// Of the communication thread.
class Watch {
 public:
  Watch(Desk& desk, Transport& transport, double deadline_seconds);

  void set_hosts(std::vector<std::string> hosts) { membership_.set_hosts(std::move(hosts)); }

  /// A frame of any kind has come in from that rank.
  void hear(int rank) { farewell_.hear(rank, desk_.time.now()); }
  /// A frame of an internal kind.
  void take(const Frame& frame);
  /// To be called all the time. Returns why the run is over, or "".
  std::string look();

  /// The run is over, for whatever reason: tells the others, for a moment.
  void announce(const std::string& reason);
  /// All is done: says goodbye, once. Returns whether this rank may end.
  bool may_end();

 private:
  using Clock = std::chrono::steady_clock;

  std::vector<WaitReport> reports();
  std::string conclude();

  Desk& desk_;
  Transport& transport_;
  DirectOutbox out_;
  const int rank_;
  Farewell farewell_;
  Membership membership_;
  Clock::time_point looked_{};
};

}  // namespace sounder::mpi
