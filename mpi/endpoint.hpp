// A rank's end of the network: one communication thread that alone calls the transport, and what other threads ask of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sounder/error.hpp>

#include "protocol/frame.hpp"
#include "transport/transport.hpp"

namespace sounder::mpi {

/// A rank is missing: it died, hangs or is cut off. The message names who waited for whom, and what the survivors agreed on.
class RankLost : public Error {
 public:
  using Error::Error;
};

/// Something that the communication thread will make happen, and another thread waits for.
class Signal {
 public:
  void set();
  bool is_set() const { return set_.load(std::memory_order_acquire); }

 private:
  friend class Endpoint;
  // Written by: the communication thread, once. Read by: the waiting thread. Order: release and acquire: what happened before
  // set() is seen after the wait.
  std::atomic<bool> set_{false};
};

/// Why a thread waits, for the error and for the record of who waited for whom.
struct Waiting {
  std::string_view what;                  ///< "the gradients of the round"
  std::uint64_t clock = 0;                ///< the own round
  std::function<std::vector<int>()> on;   ///< the ranks that are still missing; asked when it took long, and at the end
};

/// Traffic with one rank.
struct Link {
  std::uint64_t bytes_sent = 0, messages_sent = 0, bytes_received = 0, messages_received = 0;
  double waited_seconds = 0;  ///< that threads of this rank waited for that one
};

struct EndpointOptions {
  double deadline_seconds = 60;  ///< of every wait
};

class Endpoint final : public Outbox {
 public:
  Endpoint(std::unique_ptr<Transport> transport, const EndpointOptions& options);
  ~Endpoint() override;

  int rank() const;
  int size() const;
  std::string transport_name() const;

  /// Any thread. Header and payload, whatever their size; never waits for the receiver.
  void send(int to, Header header, Payload payload = {}) override;

  /// Frames of this kind are given to `handler`, on the communication thread; without one they wait in the mailbox for
  /// receive(). Set before the first such frame can arrive: before a barrier, or before the ranks know each other.
  void handle(Kind kind, std::function<void(Frame)> handler);
  void ignore(Kind kind);  ///< takes the handler out again; returns when it surely does not run any more

  /// The frame of that kind from that rank with that tag; waits for it. Throws RankLost at the deadline.
  Frame receive(int from, Kind kind, std::uint64_t tag, const Waiting& waiting = {});

  /// Waits for a signal. Throws RankLost at the deadline, or as soon as it is known that a rank is missing.
  void wait(const Signal& signal, const Waiting& waiting);

  /// Runs `work` on the communication thread, soon.
  void post(std::function<void()> work);
  /// Runs `work` on the communication thread and waits until it has run: a state machine is asked so by another thread.
  void run(const std::function<void()>& work);
  /// Calls `step` on the communication thread, between frames, until it returns true: a reduction of the MPI library that
  /// must be tested again and again. Waits for that.
  void poll(const std::function<bool()>& step, const Waiting& waiting);

  /// A number that is the same on all ranks if all call it equally often: tells collectives apart.
  std::uint64_t next_tag();

  std::vector<Link> links() const;
  double wait_seconds() const;           ///< of all threads that waited here
  double communication_seconds() const;  ///< that the communication thread was busy
  /// Whether a rank was found missing: the text of the error, or "".
  std::string failure() const;
  /// The same for everyone who waits: the run is over. `reason` is one sentence.
  void fail(const std::string& reason);
};

}  // namespace sounder::mpi
