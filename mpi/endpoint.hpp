// A rank's end of the network: one communication thread that calls the transport, and what other threads ask of it. Below, "on the communication thread" is also said of a thread that
// does its work while it waits (communication_thread.hpp): one at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "endpoint/link.hpp"
#include "endpoint/pollers.hpp"
#include "endpoint/waiting.hpp"
#include "protocol/frame.hpp"
#include "transport/transport.hpp"

namespace sounder::mpi {

class CommunicationThread;
struct Desk;
class Trace;
struct Waiter;

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

  std::shared_ptr<std::byte[]> memory(int to, std::size_t bytes) override { return transport_->memory(to, bytes); }
  void flush() override;

  /// So many bytes have gone to that rank, or come from it, by another way than frames: they count as sent there in one message.
  void count(int rank, std::uint64_t bytes);

  /// Frames of this kind are given to `handler`, on the communication thread; without one they wait in the mailbox for
  /// receive(). Those that wait already are handed over, in the order in which they came. A handler that throws fails the run.
  void handle(Kind kind, std::function<void(Frame)> handler);
  void ignore(Kind kind);  ///< takes the handler out again; returns when it surely does not run any more

  /// The frame of that kind from that rank with that tag; waits for it. Throws RankLost at the deadline.
  Frame receive(int from, Kind kind, std::uint64_t tag, const Waiting& waiting = {});
  /// One from each of these ranks, in their order; the thread sleeps until all have come.
  std::vector<Frame> receive_all(std::span<const int> from, Kind kind, std::uint64_t tag, const Waiting& waiting = {});
  /// The same if it is there, without waiting.
  std::optional<Frame> take(int from, Kind kind, std::uint64_t tag);

  /// Waits for a signal. Throws RankLost at the deadline, or as soon as it is known that a rank is missing.
  void wait(const Signal& signal, const Waiting& waiting);

  /// Waits until ready(), asked on the communication thread between frames, however long that takes; or until the run has failed.
  void idle(const std::function<bool()>& ready);

  /// Runs `work` on the communication thread, soon. Work that throws fails the run.
  void post(std::function<void()> work);
  /// The same for work that takes no longer than to wake a thread: this one does it itself, if it can.
  void post_short(const std::function<void()>& work);
  /// Runs `work` on the communication thread and waits until it has run: a state machine is asked so by another thread. Rethrows
  /// what it throws. Works after a failure, too.
  void run(const std::function<void()>& work);
  /// Calls `step` on the communication thread, between frames, until it returns true: a reduction of the MPI library that
  /// must be tested again and again. Waits for that; rethrows what it throws. After RankLost it is not called any more, and buffers
  /// that it gave to the MPI library must live as long as the process.
  void poll(const std::function<bool()>& step, const Waiting& waiting);
  /// The same for a step that goes on when frames have come in that it takes, or what it sent has left: nobody looks for it otherwise.
  void follow(const std::function<Step()>& step, const Waiting& waiting);
  /// The same in two halves, for a step that goes on while the caller does something else: begin() returns at once, end() waits. The poller
  /// must live until end() has returned or thrown, or drop() has returned.
  void begin(Poller& poller);
  void end(Poller& poller, const Waiting& waiting);
  void drop(Poller& poller);  ///< its step is not called any more

  /// A number that is the same on all ranks if all call it equally often: tells collectives apart.
  std::uint64_t next_tag() { return tags_.fetch_add(1, std::memory_order_relaxed); }

  Time& time() const { return time_; }   ///< that this rank lives in

  /// From now on, where not null. By the thread that trains, when no other waits here.
  void trace_to(std::unique_ptr<Trace> trace);
  Trace* trace() const;

  std::vector<Link> links() const;       ///< by rank
  std::uint64_t bytes_sent() const;      ///< to all others
  double wait_seconds() const;           ///< of all threads that waited here for other ranks
  double communication_seconds() const;  ///< processor time of the communication thread
  /// Whether a rank was found missing: the text of the error, or "".
  std::string failure() const;
  /// The same for everyone who waits: the run is over. `reason` is one sentence; the other ranks are told it, and fail with it. The
  /// first reason stays.
  void fail(const std::string& reason);
  /// Who should say so: the lowest rank that is not missing. The same on all ranks that hear each other.
  int speaker() const;
  /// For the texts of errors and to know who is near, by rank; the same on all ranks. World sets it, before all else.
  void set_hosts(std::vector<std::string> hosts);
  const std::vector<std::string>& hosts() const { return hosts_; }

 private:
  void ask(std::function<void()> work);
  void await(std::unique_lock<std::mutex>& lock, Waiter& waiter);

  const std::unique_ptr<Transport> transport_;
  const int rank_, size_;
  Time& time_;
  const std::unique_ptr<Desk> desk_;
  // Written by: threads that call collectives. Read by: the same. Relaxed: only the number matters.
  std::atomic<std::uint64_t> tags_{0};
  std::vector<std::string> hosts_;  // written once, before other threads ask
  const std::unique_ptr<CommunicationThread> thread_;  // last: it ends before all else
};

}  // namespace sounder::mpi
