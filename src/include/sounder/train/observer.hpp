// Watching a run from outside.
#pragma once

#include <string>

#include <sounder/train/chunk_queue.hpp>
#include <sounder/train/curve.hpp>

namespace sounder {

/// Called by the thread that called fit. The default watches nothing.
class Observer {
 public:
  virtual ~Observer() = default;
  /// An epoch begins; `queue.taken()` may be asked, from any thread, until the next point.
  virtual void on_epoch(int epoch, const ChunkQueue& queue) {
    static_cast<void>(epoch);
    static_cast<void>(queue);
  }
  /// An epoch has been evaluated. Returning false ends the run (Stopped::interrupted).
  virtual bool on_point(const Point&) { return true; }
  /// The run diverged, and goes on from an earlier point at a smaller step (Options::backoff).
  virtual void on_backoff(const Backoff&) {}
  /// A checkpoint could not be written; training goes on. Said once, until one can be written again.
  virtual void on_checkpoint_lost(const std::string& error) { static_cast<void>(error); }
  /// fit ends, well or by an exception: nothing of the run may be asked any more. Must not throw.
  virtual void on_end() {}
};

}  // namespace sounder
