// A rank's end of the network: one communication thread that alone calls the transport, and what other threads ask of it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <sounder/error.hpp>

#include "protocol/frame.hpp"
#include "protocol/membership.hpp"
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
  /// On the communication thread: in a handler, in posted work, in a step.
  void set() { set_.store(true, std::memory_order_release); }
  bool is_set() const { return set_.load(std::memory_order_acquire); }

 private:
  // Written by: the communication thread, once. Read by: the waiting thread. Order: release and acquire: what happened before
  // set() is seen after the wait.
  std::atomic<bool> set_{false};
};

/// Why a thread waits, for the error and for the record of who waited for whom.
struct Waiting {
  std::string_view what;    ///< "the gradients of the round"
  std::uint64_t clock = 0;  ///< the own round
  /// The ranks that are still missing. Asked on the communication thread, between frames: it may read what handlers write, and must
  /// not call the endpoint. Without it receive() blames the sender, and wait() nobody.
  std::function<std::vector<int>()> on;
};

/// Traffic with one other rank; what a rank sends itself does not count.
struct Link {
  std::uint64_t bytes_sent = 0, messages_sent = 0, bytes_received = 0, messages_received = 0;  ///< headers included
  double waited_seconds = 0;  ///< that threads of this rank waited for that one; waits for several are split between them
};

struct EndpointOptions {
  double deadline_seconds = 60;  ///< of every wait
};

class Endpoint final : public Outbox {
 public:
  Endpoint(std::unique_ptr<Transport> transport, const EndpointOptions& options);
  /// Sends what is under way. Over MPI it also waits until all ranks end; a rank that does not answer is waited for no longer than
  /// the deadline. Does not wait after a failure.
  ~Endpoint() override;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  std::string transport_name() const { return transport_->name(); }
  /// What carries the frames; for all but wake() and names, on the communication thread alone.
  Transport& transport() { return *transport_; }

  /// Any thread. Header and payload, whatever their size; never waits for the receiver. Dropped after a failure.
  void send(int to, Header header, Payload payload = {}) override;

  /// Frames of this kind are given to `handler`, on the communication thread; without one they wait in the mailbox for
  /// receive(). Those that wait already are handed over, in the order in which they came. A handler that throws fails the run.
  void handle(Kind kind, std::function<void(Frame)> handler);
  void ignore(Kind kind);  ///< takes the handler out again; returns when it surely does not run any more

  /// The frame of that kind from that rank with that tag; waits for it. Throws RankLost at the deadline.
  Frame receive(int from, Kind kind, std::uint64_t tag, const Waiting& waiting = {});

  /// Waits for a signal. Throws RankLost at the deadline, or as soon as it is known that a rank is missing.
  void wait(const Signal& signal, const Waiting& waiting);

  /// Runs `work` on the communication thread, soon. Work that throws fails the run.
  void post(std::function<void()> work);
  /// Runs `work` on the communication thread and waits until it has run: a state machine is asked so by another thread. Rethrows
  /// what it throws. Works after a failure, too.
  void run(const std::function<void()>& work);
  /// Calls `step` on the communication thread, between frames, until it returns true: a reduction of the MPI library that
  /// must be tested again and again. Waits for that; rethrows what it throws. After RankLost it is not called any more, and buffers
  /// that it gave to the MPI library must live as long as the process.
  void poll(const std::function<bool()>& step, const Waiting& waiting);

  /// A number that is the same on all ranks if all call it equally often: tells collectives apart.
  std::uint64_t next_tag() { return tags_.fetch_add(1, std::memory_order_relaxed); }

  std::vector<Link> links() const;       ///< by rank
  double wait_seconds() const;           ///< of all threads that waited here for other ranks
  double communication_seconds() const;  ///< processor time of the communication thread
  /// Whether a rank was found missing: the text of the error, or "".
  std::string failure() const;
  /// The same for everyone who waits: the run is over. `reason` is one sentence; the other ranks are told it, and fail with it. The
  /// first reason stays.
  void fail(const std::string& reason);
  /// Who should say so: the lowest rank that is not missing. The same on all ranks that hear each other.
  int speaker() const;
  /// For the texts of errors, by rank; the same on all ranks. World sets it.
  void set_hosts(std::vector<std::string> hosts);

 private:
  using Clock = std::chrono::steady_clock;
  using Key = std::tuple<Kind, int, std::uint64_t>;
  using Handler = std::shared_ptr<const std::function<void(Frame)>>;
  struct Waiter;
  struct Poller;
  struct Letter {
    std::uint64_t arrival;
    Frame frame;
  };

  void live();
  bool work();
  bool step_pollers();
  void dispatch(Frame frame);
  void settle(int source);
  void flush();
  void watch();
  void announce(const std::string& reason);
  bool ended();
  double patience() const;
  void add(std::function<void()> work);
  void await(std::unique_lock<std::mutex>& lock, Waiter& waiter);
  bool on_thread() const;
  template <class F>
  void guard(F f) noexcept;
  std::vector<WaitReport> reports();

  const std::unique_ptr<Transport> transport_;
  const int rank_, size_;
  const EndpointOptions options_;

  // What threads ask of the communication thread, and what it tells them.
  mutable std::mutex mutex_;
  std::vector<std::pair<int, Frame>> outgoing_;           // guarded by mutex_
  std::vector<std::function<void()>> posted_;             // guarded by mutex_
  std::vector<Waiter*> waiters_;                          // guarded by mutex_; each takes itself out
  std::map<Key, std::deque<Letter>> mailbox_;             // guarded by mutex_
  std::array<Handler, kKinds> handlers_;                  // guarded by mutex_; called outside of it
  std::vector<Link> links_;                               // guarded by mutex_
  std::string failure_;                                   // guarded by mutex_; written once
  int speaker_ = 0;                                       // guarded by mutex_; written before failure_
  double wait_seconds_ = 0;                               // guarded by mutex_
  bool stop_ = false;                                     // guarded by mutex_
  // Written by: threads that call collectives. Read by: the same. Relaxed: only the number matters.
  std::atomic<std::uint64_t> tags_{0};

  // The communication thread's own.
  std::vector<Poller*> pollers_;
  std::vector<std::pair<int, Frame>> leaving_;
  std::vector<std::function<void()>> working_;
  std::vector<int> byes_;                 ///< of each rank; kChannels: it has left
  std::vector<Clock::time_point> heard_;  ///< when each rank last sent anything
  std::uint64_t arrivals_ = 0;
  std::unique_ptr<Membership> membership_;
  Clock::time_point watched_{}, goodbye_{}, pinged_{};
  bool failed_ = false, said_goodbye_ = false;

  std::thread thread_;
};

}  // namespace sounder::mpi
