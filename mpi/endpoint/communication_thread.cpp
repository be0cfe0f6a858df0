#include "endpoint/communication_thread.hpp"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>

#include <fmt/format.h>

namespace sounder::mpi {
namespace {

constexpr double kPatience = 0.1;  ///< the longest sleep of a communication thread, of a deadline's eighth at most
constexpr int kBurst = 64;         ///< frames before posted work has its turn
constexpr double kRest = 2e-4;     ///< seconds that a communication thread leaves to others that help: so late a frame may be found after the last of them is gone

/// Notes how long it lives, if there is a trace.
class Spanned {
 public:
  Spanned(const Desk& desk, SpanKind kind, int rank) : desk_(desk), kind_(kind), rank_(rank) {
    if (desk_.trace) begin_ = desk_.time.now();
  }
  ~Spanned() {
    if (desk_.trace && begin_ != Time::Clock::time_point{}) desk_.trace->add(kind_, begin_, desk_.time.now(), rank_);
  }
  Spanned(const Spanned&) = delete;
  Spanned& operator=(const Spanned&) = delete;

 private:
  const Desk& desk_;
  const SpanKind kind_;
  const int rank_;
  Time::Clock::time_point begin_{};
};

}  // namespace

thread_local const CommunicationThread* CommunicationThread::current_ = nullptr;

CommunicationThread::CommunicationThread(Desk& desk, Transport& transport, double deadline_seconds)
    : desk_(desk),
      transport_(transport),
      rank_(transport.rank()),
      deadline_seconds_(deadline_seconds),
      watch_(desk, transport, deadline_seconds) {
  if (Turns* const turns = transport.turns())
    turns->host([this] {
      current_ = this;
      const std::optional<double> patience = turn();
      current_ = nullptr;
      over_ = !patience;
      return patience;
    });
  else
    thread_ = std::thread([this] { live(); });
}

CommunicationThread::~CommunicationThread() {
  {
    const std::lock_guard lock(desk_.mutex);
    desk_.stop = true;
  }
  transport_.wake();
  if (Turns* const turns = transport_.turns())
    turns->wait([this] { return over_; });
  else
    thread_.join();
}

bool CommunicationThread::is_current() const { return current_ == this; }

double CommunicationThread::processor_seconds() const {
  if (transport_.turns()) return std::numeric_limits<double>::quiet_NaN();  // what that would take is not simulated
  clockid_t clock{};
  timespec time{};
  if (pthread_getcpuclockid(const_cast<std::thread&>(thread_).native_handle(), &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void CommunicationThread::fail_with(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    fail(fmt::format("rank {}: {}", rank_, known.what()));
  } catch (...) {
    fail(fmt::format("rank {}: an unknown exception on its communication thread", rank_));
  }
}

void CommunicationThread::live() {
  current_ = this;
  for (;;) {
    std::unique_lock turning(turning_, std::try_to_lock);
    const bool helped = helped_.exchange(false, std::memory_order_relaxed) || !turning;
    const std::optional<double> patience = turning ? turn() : kRest;
    if (!patience) return;
    sleeps_.store(!helped, std::memory_order_relaxed);  // seen by whoever has the next turn
    if (turning) turning.unlock();
    if (helped)
      transport_.rest(std::min(*patience, kRest));
    else
      transport_.sleep(*patience);
    sleeps_.store(false, std::memory_order_relaxed);
  }
}

/// All that there is to do now, or until `done`. Returns how long it can be left alone then; nothing: for ever.
std::optional<double> CommunicationThread::turn(const std::atomic<bool>* done) {
  for (;;) {
    bool moved = work();
    if (done && done->load(std::memory_order_relaxed)) return 0;
    if (!failed_) {
      for (int frames = 0; frames < kBurst && receive(); ++frames) {
        moved = true;
        if (done && done->load(std::memory_order_relaxed)) return 0;
      }
      const Step step = pollers_.step();
      if (step == Step::done) settle(rank_);
      if (step == Step::nothing) {
        look();  // not while a step still has frames to take: it does not wait for who has sent them
      } else {
        flush();
        moved = true;
      }
    }
    if (ended()) return std::nullopt;
    if (!moved) return patience();
  }
}

/// How long there is surely nothing to do but what a frame or another thread brings.
double CommunicationThread::patience() const { return pollers_.pause(std::min(kPatience, deadline_seconds_ / 32)); }

/// Posted work, and frames to send.
bool CommunicationThread::work() {
  std::string failure;
  {
    const std::lock_guard lock(desk_.mutex);
    working_.swap(desk_.posted);
    if (!failed_) failure = desk_.failure;
  }
  if (!failure.empty()) announce(failure);
  flush();  // what was sent before the work was posted goes first, should that take long
  const bool moved = !working_.empty();
  for (const auto& each : working_) each();
  working_.clear();
  if (moved) settle(rank_);
  flush();
  return moved;
}

void CommunicationThread::flush() {
  {
    const std::lock_guard lock(desk_.mutex);
    if (desk_.outgoing.empty()) return;
    leaving_.swap(desk_.outgoing);
    for (const auto& [to, frame] : leaving_)
      if (to != rank_) desk_.bytes_sent += desk_.links[static_cast<std::size_t>(to)].sent(frame);
  }
  if (!failed_)
    guard([&] {
      for (auto& [to, frame] : leaving_) {
        const Spanned sent(desk_, SpanKind::send, to);
        transport_.send(to, std::move(frame));
      }
    });
  leaving_.clear();
}

bool CommunicationThread::receive() {
  std::optional<Frame> frame;
  guard([&] { frame = transport_.receive(); });
  if (!frame) return false;
  dispatch(std::move(*frame));
  flush();
  return true;
}

void CommunicationThread::dispatch(Frame frame) {
  const int source = frame.header.source;
  const bool internal = is_internal(frame.header.kind);
  watch_.hear(source);
  const Spanned received(desk_, SpanKind::receive, source);
  Mailbox::Handler handler;
  {
    const std::lock_guard lock(desk_.mutex);
    if (source != rank_) desk_.links[static_cast<std::size_t>(source)].received(frame);
    if (!internal) handler = desk_.mailbox.take_or_handler(frame);
  }
  if (handler) guard([&] { (*handler)(std::move(frame)); });
  if (internal) guard([&] { watch_.take(frame); });
  settle(source);
}

void CommunicationThread::settle(int source) {
  const std::lock_guard lock(desk_.mutex);
  desk_.waits.settle(source, desk_.links);
}

void CommunicationThread::look() {
  std::string failure;
  guard([&] { failure = watch_.look(); });
  if (!failure.empty()) fail(failure);
}

/// The first thing after a failure, and the last that is sent.
void CommunicationThread::announce(const std::string& reason) {
  failed_ = true;
  pollers_.clear();
  leaving_.clear();
  guard([&] { watch_.announce(reason); });
  transport_.abandon();
}

bool CommunicationThread::ended() {
  {
    const std::lock_guard lock(desk_.mutex);
    if (!desk_.stop || !desk_.posted.empty()) return false;
    if (!desk_.failure.empty()) return failed_;
    if (!desk_.outgoing.empty()) return false;
  }
  return watch_.may_end();
}

}  // namespace sounder::mpi
