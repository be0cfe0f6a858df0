// Threads that do the communication thread's work while they wait for it (docs/adr/0021).
#include <chrono>
#include <cstddef>
#include <mutex>
#include <utility>

#include "endpoint/communication_thread.hpp"
#include "transport/yielder.hpp"

namespace sounder::mpi {
namespace {

constexpr unsigned kTurns = 16;    ///< of a thread that helps, between yields
constexpr std::chrono::microseconds kHelp{200};  ///< for so long a thread that waits helps: sleep is better then

}  // namespace

/// While a thread does the work of another.
class CommunicationThread::As {
 public:
  explicit As(const CommunicationThread* other) : before_(std::exchange(current_, other)) {}
  ~As() { current_ = before_; }
  As(const As&) = delete;
  As& operator=(const As&) = delete;

 private:
  const CommunicationThread* const before_;
};

bool CommunicationThread::begin_help(std::unique_lock<std::mutex>& turning) {
  if (!transport_.wants_help() || is_current()) return false;
  helped_.store(true, std::memory_order_relaxed);  // also if it has no turn now: the next one is soon
  return turning.try_lock();
}

/// The communication thread goes on at once if anything is left for it, what others laid on the desk meanwhile included. From a long sleep it comes back to look every kRest.
void CommunicationThread::end_help(std::unique_lock<std::mutex>& turning, bool all_done, std::size_t own_waits) {
  bool flushed = false;
  if (all_done && !failed_ && pollers_.empty()) guard([&] { flushed = transport_.flushed(); });
  const bool sleeps = sleeps_.load(std::memory_order_relaxed);
  turning.unlock();
  if (flushed) {
    const std::lock_guard lock(desk_.mutex);
    all_done = desk_.posted.empty() && desk_.outgoing.empty() && desk_.waits.size() == own_waits;
  }
  if (!flushed || !all_done)
    end_rest();
  else if (sleeps)
    transport_.wake();
}

void CommunicationThread::end_rest() {
  if (!transport_.wants_help()) return;
  helped_.store(false, std::memory_order_relaxed);
  transport_.wake();
}

bool CommunicationThread::help(const std::atomic<bool>& done) {
  std::unique_lock turning(turning_, std::defer_lock);
  if (done.load(std::memory_order_relaxed) || !begin_help(turning)) return false;
  const As own(this);
  thread_local Yielder yielder;
  const auto end = std::chrono::steady_clock::now() + kHelp;
  for (unsigned turns = 1;; ++turns) {
    guard([&] { turn(&done); });
    if (done.load(std::memory_order_relaxed) || failed_ || std::chrono::steady_clock::now() > end) break;
    if (turns % kTurns == 0 && !yielder.yield(std::chrono::milliseconds(1))) break;
  }
  end_help(turning, done.load(std::memory_order_relaxed), 1);
  return true;
}

bool CommunicationThread::help(const std::function<void()>& work) {
  std::unique_lock turning(turning_, std::defer_lock);
  if (!begin_help(turning)) return false;
  const As own(this);
  guard([&] {
    this->work();
    guard(work);
    settle(rank_);
    flush();
  });
  end_help(turning, true, 0);
  return true;
}

}  // namespace sounder::mpi
