// What a thread waits for, why, and the error when it will not come.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include <sounder/error.hpp>

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

}  // namespace sounder::mpi
