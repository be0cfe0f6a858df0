#include "endpoint.hpp"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <optional>

#include <fmt/format.h>

#include "transport/yielder.hpp"

namespace sounder::mpi {
namespace {

/// The endpoint whose communication thread this is.
thread_local const Endpoint* own = nullptr;

using Seconds = std::chrono::duration<double>;

constexpr double kPatience = 0.1;    ///< the longest sleep of a communication thread, of a deadline's eighth at most
constexpr double kFarewell = 0.25;   ///< for telling others of a failure
constexpr int kBurst = 64;           ///< frames before posted work has its turn
/// How long a waiting thread only yields its core: an answer that comes within this time need not wake it, which takes as long.
constexpr auto kYield = std::chrono::microseconds(50);
/// Steps of a poll follow each other closely for so long, as they move the data of a reduction; then, somebody is late, at this distance.
constexpr auto kPollAlert = std::chrono::milliseconds(20);
constexpr double kPollEvery = 1e-4;
constexpr auto kWatchEvery = std::chrono::milliseconds(1);

/// Sends on the communication thread, also where the endpoint itself does not send any more.
class Direct final : public Outbox {
 public:
  explicit Direct(Transport& transport) : transport_(transport) {}
  void send(int to, Header header, Payload payload = {}) override {
    header.source = transport_.rank();
    header.bytes = payload.size();
    transport_.send(to, {header, std::move(payload)});
  }

 private:
  Transport& transport_;
};

}  // namespace

/// A thread that waits. Lives on its stack; its fields are guarded by the endpoint's mutex.
struct Endpoint::Waiter {
  std::function<bool()> ready;
  const Waiting* why = nullptr;  ///< null: for the own communication thread, which comes for sure
  std::vector<int> from;         ///< whom to blame where `why` does not say
  Clock::time_point begin = Clock::now(), asked = begin;
  // Written by: the communication thread, under the mutex. Read by: the waiting thread. Relaxed: it takes the mutex before it goes on.
  std::atomic<bool> done{false};
  std::condition_variable wakes;

  std::vector<int> missing() const { return why && why->on ? why->on() : from; }
};

struct Endpoint::Poller {
  const std::function<bool()>& step;
  Signal ended;
  std::exception_ptr error;  // published by `ended`
  Clock::time_point begin = Clock::now();
};

Endpoint::Endpoint(std::unique_ptr<Transport> transport, const EndpointOptions& options)
    : transport_(std::move(transport)),
      rank_(transport_->rank()),
      size_(transport_->size()),
      options_(options),
      links_(static_cast<std::size_t>(size_)),
      byes_(static_cast<std::size_t>(size_)),
      heard_(static_cast<std::size_t>(size_), Clock::now()),
      membership_(std::make_unique<Membership>(rank_, size_, std::min(2.0, options.deadline_seconds / 4),
                                               [this] { return reports(); })) {
  thread_ = std::thread([this] { live(); });
}

Endpoint::~Endpoint() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  transport_->wake();
  thread_.join();
}

bool Endpoint::on_thread() const { return own == this; }

// What other threads ask.

void Endpoint::send(int to, Header header, Payload payload) {
  header.source = rank_;
  header.bytes = payload.size();
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) return;
    outgoing_.emplace_back(to, Frame{header, std::move(payload)});
  }
  if (!on_thread()) transport_->wake();
}

void Endpoint::add(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  if (!on_thread()) transport_->wake();
}

void Endpoint::post(std::function<void()> work) {
  add([this, work = std::move(work)] { guard(work); });
}

void Endpoint::run(const std::function<void()>& work) {
  if (on_thread()) return work();
  Signal ended;
  std::exception_ptr error;
  add([&] {
    try {
      work();
    } catch (...) {
      error = std::current_exception();
    }
    ended.set();
  });
  std::unique_lock lock(mutex_);
  Waiter waiter;
  waiter.ready = [&ended] { return ended.is_set(); };
  await(lock, waiter);
  if (error) std::rethrow_exception(error);
}

void Endpoint::handle(Kind kind, std::function<void(Frame)> handler) {
  run([&] {
    const auto shared = std::make_shared<const std::function<void(Frame)>>(std::move(handler));
    std::vector<Letter> letters;
    {
      const std::lock_guard lock(mutex_);
      handlers_[static_cast<std::size_t>(kind)] = shared;
      const auto begin = mailbox_.lower_bound({kind, 0, 0});
      auto end = begin;
      for (; end != mailbox_.end() && std::get<Kind>(end->first) == kind; ++end)
        std::move(end->second.begin(), end->second.end(), std::back_inserter(letters));
      mailbox_.erase(begin, end);
    }
    std::sort(letters.begin(), letters.end(), [](const Letter& a, const Letter& b) { return a.arrival < b.arrival; });
    for (Letter& letter : letters) guard([&] { (*shared)(std::move(letter.frame)); });
  });
}

void Endpoint::ignore(Kind kind) {
  run([&] {  // on the thread that calls handlers: none runs now
    const std::lock_guard lock(mutex_);
    handlers_[static_cast<std::size_t>(kind)] = nullptr;
  });
}

Frame Endpoint::receive(int from, Kind kind, std::uint64_t tag, const Waiting& waiting) {
  const Key key{kind, from, tag};
  std::unique_lock lock(mutex_);
  Waiter waiter;
  waiter.ready = [&] { return mailbox_.contains(key); };
  waiter.why = &waiting;
  waiter.from = {from};
  await(lock, waiter);
  const auto found = mailbox_.find(key);
  Frame frame = std::move(found->second.front().frame);
  found->second.pop_front();
  if (found->second.empty()) mailbox_.erase(found);
  return frame;
}

void Endpoint::wait(const Signal& signal, const Waiting& waiting) {
  if (signal.is_set()) return;
  std::unique_lock lock(mutex_);
  Waiter waiter;
  waiter.ready = [&] { return signal.is_set(); };
  waiter.why = &waiting;
  await(lock, waiter);
}

void Endpoint::poll(const std::function<bool()>& step, const Waiting& waiting) {
  Poller poller{.step = step, .ended = {}, .error = nullptr};
  add([this, &poller] { pollers_.push_back(&poller); });
  try {
    wait(poller.ended, waiting);
  } catch (...) {
    run([&] { std::erase(pollers_, &poller); });
    throw;
  }
  if (poller.error) std::rethrow_exception(poller.error);
}

void Endpoint::await(std::unique_lock<std::mutex>& lock, Waiter& waiter) {
  if (waiter.ready()) return;
  if (on_thread()) throw Error("a handler waits for what only the communication thread can bring: post the work, and wait elsewhere");
  waiters_.push_back(&waiter);
  lock.unlock();
  thread_local Yielder yielder;
  while (!waiter.done.load(std::memory_order_relaxed) && Clock::now() - waiter.begin < kYield && yielder.yield()) {
  }
  lock.lock();
  waiter.wakes.wait(lock, [&] { return waiter.done || (waiter.why && !failure_.empty()); });
  std::erase(waiters_, &waiter);
  if (waiter.why) wait_seconds_ += Seconds(Clock::now() - waiter.begin).count();
  if (!waiter.ready()) throw RankLost(failure_);
}

std::vector<Link> Endpoint::links() const {
  const std::lock_guard lock(mutex_);
  return links_;
}

double Endpoint::wait_seconds() const {
  const std::lock_guard lock(mutex_);
  return wait_seconds_;
}

double Endpoint::communication_seconds() const {
  clockid_t clock{};
  timespec time{};
  if (pthread_getcpuclockid(const_cast<std::thread&>(thread_).native_handle(), &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string Endpoint::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

int Endpoint::speaker() const {
  const std::lock_guard lock(mutex_);
  return speaker_;
}

void Endpoint::fail(const std::string& reason) {
  decltype(outgoing_) unsent;  // let go of without the mutex: a payload's keeper may call back
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) return;
    failure_ = reason.empty() ? "the run failed" : reason;
    unsent.swap(outgoing_);
    for (Waiter* waiter : waiters_) waiter->wakes.notify_one();
  }
  transport_->wake();
}

void Endpoint::set_hosts(std::vector<std::string> hosts) {
  run([&] { membership_->set_hosts(std::move(hosts)); });
}

// The communication thread.

template <class F>
void Endpoint::guard(F f) noexcept {
  try {
    f();
  } catch (const std::exception& error) {
    fail(fmt::format("rank {}: {}", rank_, error.what()));
  } catch (...) {
    fail(fmt::format("rank {}: an unknown exception on its communication thread", rank_));
  }
}

void Endpoint::live() {
  own = this;
  for (;;) {
    bool moved = work();
    if (!failed_) {
      moved |= step_pollers();
      for (int frames = 0; frames < kBurst; ++frames) {
        std::optional<Frame> frame;
        guard([&] { frame = transport_->receive(); });
        if (!frame) break;
        dispatch(std::move(*frame));
        flush();
        moved = true;
      }
      watch();
    }
    if (ended()) return;
    if (!moved) transport_->sleep(patience());
  }
}

/// How long there is surely nothing to do but what a frame or another thread brings.
double Endpoint::patience() const {
  if (pollers_.empty()) return std::min(kPatience, options_.deadline_seconds / 32);
  return Clock::now() - pollers_.back()->begin < kPollAlert ? 0 : kPollEvery;
}

/// Posted work, and frames to send.
bool Endpoint::work() {
  std::string failure;
  {
    const std::lock_guard lock(mutex_);
    working_.swap(posted_);
    if (!failed_) failure = failure_;
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

bool Endpoint::step_pollers() {
  const std::size_t before = pollers_.size();
  for (std::size_t i = 0; i < pollers_.size();) {
    Poller& poller = *pollers_[i];
    bool over = true;
    try {
      over = poller.step();
    } catch (...) {
      poller.error = std::current_exception();
    }
    if (over) {
      pollers_.erase(pollers_.begin() + static_cast<std::ptrdiff_t>(i));
      poller.ended.set();
    } else {
      ++i;
    }
  }
  if (before == pollers_.size()) return false;
  settle(rank_);
  return true;
}

void Endpoint::flush() {
  {
    const std::lock_guard lock(mutex_);
    if (outgoing_.empty()) return;
    leaving_.swap(outgoing_);
    for (const auto& [to, frame] : leaving_) {
      if (to == rank_) continue;
      Link& link = links_[static_cast<std::size_t>(to)];
      link.bytes_sent += sizeof(Header) + frame.payload.size();
      ++link.messages_sent;
    }
  }
  if (!failed_)
    guard([&] {
      for (auto& [to, frame] : leaving_) transport_->send(to, std::move(frame));
    });
  leaving_.clear();
}

void Endpoint::dispatch(Frame frame) {
  const int source = frame.header.source;
  const auto from = static_cast<std::size_t>(source);
  const Kind kind = frame.header.kind;
  const bool intern = kind == Kind::ping || kind == Kind::pong || kind == Kind::verdict || kind == Kind::bye;
  heard_[from] = Clock::now();
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    if (source != rank_) {
      links_[from].bytes_received += sizeof(Header) + frame.payload.size();
      ++links_[from].messages_received;
    }
    if (!intern) {
      handler = handlers_[static_cast<std::size_t>(kind)];
      if (!handler) mailbox_[{kind, source, frame.header.tag}].push_back({arrivals_++, std::move(frame)});
    }
  }
  if (handler) guard([&] { (*handler)(std::move(frame)); });
  if (intern) {
    Direct out(*transport_);
    if (kind == Kind::ping) out.send(source, Header{.kind = Kind::pong});
    if (kind == Kind::verdict) guard([&] { membership_->receive(Seconds(heard_[from].time_since_epoch()).count(), frame, out); });
    if (kind == Kind::bye && ++byes_[from] == kChannels) membership_->leave(source);
  }
  settle(source);
}

/// Wakes who has what it waits for, which `source` may have brought.
void Endpoint::settle(int source) {
  const std::lock_guard lock(mutex_);
  for (Waiter* waiter : waiters_) {
    if (waiter->done || !waiter->ready()) continue;
    waiter->done = true;
    waiter->wakes.notify_one();
    // Who came last was waited for since the others were last asked for.
    if (waiter->why && source != rank_)
      links_[static_cast<std::size_t>(source)].waited_seconds += Seconds(Clock::now() - waiter->asked).count();
  }
}

/// What takes time: deadlines, and who was waited for.
void Endpoint::watch() {
  const auto now = Clock::now();
  if (now - watched_ < kWatchEvery) return;
  watched_ = now;
  const double seconds = Seconds(now.time_since_epoch()).count();
  const Seconds deadline(options_.deadline_seconds);
  Direct out(*transport_);
  bool overdue = false;
  std::string failure;
  {
    const std::lock_guard lock(mutex_);
    for (Waiter* waiter : waiters_) {
      if (waiter->done || !waiter->why) continue;
      const std::vector<int> missing = waiter->missing();
      for (const int rank : missing) {
        if (rank == rank_) continue;
        links_[static_cast<std::size_t>(rank)].waited_seconds +=
            Seconds(now - waiter->asked).count() / static_cast<double>(missing.size());
        if (byes_[static_cast<std::size_t>(rank)] == kChannels)
          failure = fmt::format("rank {} has ended its part of the run, and rank {} still waits for it ({})", rank, rank_,
                                waiter->why->what.empty() ? "a message" : waiter->why->what);
      }
      waiter->asked = now;
      overdue |= now - waiter->begin > deadline;
    }
  }
  if (!failure.empty()) return fail(failure);
  if (said_goodbye_) {
    const bool ping = now - pinged_ > deadline / 4;
    if (ping) pinged_ = now;
    for (int rank = 0; rank < size_; ++rank) {
      if (rank == rank_ || byes_[static_cast<std::size_t>(rank)] == kChannels) continue;
      if (ping) out.send(rank, Header{.kind = Kind::ping});
      // The rank may go on for long, if only it answers.
      overdue |= now - heard_[static_cast<std::size_t>(rank)] > deadline && now - goodbye_ > deadline;
    }
  }
  if (overdue) guard([&] { membership_->suspect(seconds, out); });
  if (membership_->active()) guard([&] { membership_->tick(seconds, out); });
  if (membership_->verdict()) {
    int speaker = 0;
    while (membership_->missing().contains(speaker)) ++speaker;
    {
      const std::lock_guard lock(mutex_);
      if (failure_.empty()) speaker_ = speaker;
    }
    fail(*membership_->verdict());
  }
}

std::vector<WaitReport> Endpoint::reports() {
  const auto now = Clock::now();
  const Seconds deadline(options_.deadline_seconds);
  std::vector<WaitReport> reports;
  const std::lock_guard lock(mutex_);
  for (const Waiter* waiter : waiters_) {
    if (waiter->done || !waiter->why) continue;
    reports.push_back({.on = waiter->missing(),
                       .what = std::string(waiter->why->what),
                       .clock = waiter->why->clock,
                       .seconds = Seconds(now - waiter->begin).count(),
                       .overdue = now - waiter->begin > deadline});
  }
  if (said_goodbye_) {
    WaitReport report{.on = {}, .what = "the end of the run", .seconds = Seconds(now - goodbye_).count(), .overdue = now - goodbye_ > deadline};
    for (int rank = 0; rank < size_; ++rank)
      if (rank != rank_ && byes_[static_cast<std::size_t>(rank)] != kChannels) report.on.push_back(rank);
    reports.push_back(std::move(report));
  }
  return reports;
}

/// The first thing after a failure, and the last that is sent.
void Endpoint::announce(const std::string& reason) {
  failed_ = true;
  pollers_.clear();
  leaving_.clear();
  guard([&] {
    Direct out(*transport_);
    membership_->announce(reason, out);
    const auto end = Clock::now() + Seconds(kFarewell);
    while (!transport_->flushed() && Clock::now() < end) {
      transport_->receive();
      transport_->sleep(0);
    }
  });
  transport_->abandon();
}

bool Endpoint::ended() {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_ || !posted_.empty()) return false;
    if (!failure_.empty()) return failed_;
    if (!outgoing_.empty()) return false;
  }
  if (!said_goodbye_) {
    said_goodbye_ = true;
    goodbye_ = pinged_ = Clock::now();
    Direct out(*transport_);
    for (int rank = 0; rank < size_; ++rank)
      for (int channel = 0; channel < kChannels && rank != rank_; ++channel)
        out.send(rank, Header{.kind = Kind::bye, .channel = static_cast<Channel>(channel)});
  }
  if (!transport_->flushed()) return false;
  if (!transport_->ends_together()) return true;
  for (int rank = 0; rank < size_; ++rank)
    if (rank != rank_ && byes_[static_cast<std::size_t>(rank)] != kChannels) return false;
  return true;
}

}  // namespace sounder::mpi
