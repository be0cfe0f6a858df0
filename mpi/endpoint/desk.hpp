// What the threads of a rank ask of its communication thread, and what it tells them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "endpoint/link.hpp"
#include "endpoint/mailbox.hpp"
#include "endpoint/waits.hpp"
#include "protocol/frame.hpp"
#include "time.hpp"
#include "trace.hpp"

namespace sounder::mpi {

/// Everything but `mutex`, `time` and `trace` is guarded by it. Whoever leaves something here wakes the communication thread.
struct Desk {
  Desk(int rank, int size, double deadline_seconds, Time& the_time)
      : time(the_time), waits(rank, deadline_seconds, the_time), links(static_cast<std::size_t>(size)) {}

  /// Notes why the run is over, once, and wakes who waits. False: it was over.
  bool fail(const std::string& reason) {
    decltype(outgoing) unsent;  // let go of without the mutex: a payload's keeper may call back
    const std::lock_guard lock(mutex);
    if (!failure.empty()) return false;
    failure = reason.empty() ? "the run failed" : reason;
    unsent.swap(outgoing);
    waits.wake_all();
    return true;
  }

  std::mutex mutex;
  std::unique_ptr<Trace> trace{};  ///< written by the communication thread, while who waits for it is the only other that reads; null: off
  Time& time;
  std::vector<std::pair<int, Frame>> outgoing;
  std::vector<std::function<void()>> posted;
  Waits waits;
  Mailbox mailbox;
  std::vector<Link> links;  ///< by rank
  std::uint64_t bytes_sent = 0;  ///< over all of them
  std::string failure;      ///< written once
  int speaker = 0;          ///< written before `failure`
  bool stop = false;        ///< ends the thread when all is done
};

}  // namespace sounder::mpi
