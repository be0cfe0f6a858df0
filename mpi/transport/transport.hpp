// What carries frames between ranks. One thread of a rank at a time calls it, as a rule its communication thread; wake() is for all, and sleep() and rest() may be
// called while another thread calls the rest.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "protocol/frame.hpp"
#include "time.hpp"
#include "transport/window.hpp"

namespace sounder::mpi {

class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Begins to send and returns; in order within a channel (see Channel). The payload stays alive until it is out.
  virtual void send(int to, Frame frame) = 0;
  /// So many bytes to be filled with a payload for that rank: where it can read them, if there is such a place.
  virtual std::shared_ptr<std::byte[]> memory(int /*to*/, std::size_t bytes) { return make_buffer(bytes); }
  /// The next frame that has arrived, from anyone; makes progress with what is under way.
  virtual std::optional<Frame> receive() = 0;
  /// Whether everything that was sent has left: its payloads were let go.
  virtual bool flushed() = 0;
  /// Sleeps until wake() was called since the last sleep, a frame may have arrived, or `seconds` are over. A transport
  /// that nothing wakes on arrival sleeps for less, the less the shorter ago the last frame was; for 0 it only yields the core.
  virtual void sleep(double seconds) = 0;
  /// The same where another thread looks for frames meanwhile.
  virtual void rest(double seconds) { sleep(seconds); }
  /// Ends a sleep. Any thread.
  virtual void wake() = 0;
  /// Whether no rank may be destroyed before all others have said goodbye (Kind::bye).
  virtual bool ends_together() const = 0;
  /// Whether a thread that waits should do the communication thread's work itself: each rank of this machine has a core, so that who looks for
  /// frames takes it from nobody.
  virtual bool wants_help() const { return false; }
  /// "Open MPI 4.1.4" or "threads of one process", for records.
  virtual std::string name() const = 0;
  /// Where time is simulated, what calls the communication thread's work and what other threads wait in. Null: all are threads of their own.
  virtual Turns* turns() { return nullptr; }
  /// After a failure: nothing more is sent or waited for, only sleep() and wake() are called; the destructor must not block.
  virtual void abandon() = 0;
  /// Ends the processes of all ranks with this exit status, where ranks are processes. Any thread.
  [[noreturn]] virtual void abort(int status) = 0;
  /// Whether a payload that comes in is the very memory that was sent, and may be read for as long as the receiver likes.
  virtual bool hands_over() const = 0;
  /// A window in which this rank's floats are `own` at first, and its counts, as many as everybody's, 0. Collective; ranks may use it when all
  /// have it. Throws Error, on all ranks, where there is none.
  virtual std::unique_ptr<Window> open_window(std::span<const float> own, std::size_t counts) = 0;
};

}  // namespace sounder::mpi
