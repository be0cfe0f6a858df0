#include "endpoint.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "endpoint/communication_thread.hpp"
#include "endpoint/desk.hpp"
#include "endpoint/waits.hpp"
#include "transport/yielder.hpp"

namespace sounder::mpi {
namespace {

/// How long a waiting thread only yields its core: an answer that comes within this time need not wake it, which takes as long.
constexpr auto kYield = std::chrono::microseconds(50);

}  // namespace

Endpoint::Endpoint(std::unique_ptr<Transport> transport, const EndpointOptions& options)
    : transport_(std::move(transport)),
      rank_(transport_->rank()),
      size_(transport_->size()),
      time_(transport_->turns() ? *transport_->turns() : machine_time()),
      desk_(std::make_unique<Desk>(rank_, size_, options.deadline_seconds, time_)),
      thread_(std::make_unique<CommunicationThread>(*desk_, *transport_, options.deadline_seconds)) {}

Endpoint::~Endpoint() = default;

void Endpoint::send(int to, Header header, Payload payload) {
  header.source = rank_;
  header.bytes = payload.size();
  {
    const std::lock_guard lock(desk_->mutex);
    if (!desk_->failure.empty()) return;
    desk_->outgoing.emplace_back(to, Frame{header, std::move(payload)});
  }
  thread_->wake();
}

void Endpoint::flush() {
  if (!transport_->turns()) thread_->flush();
}

void Endpoint::count(int rank, std::uint64_t bytes) {
  const std::lock_guard lock(desk_->mutex);
  if (rank != rank_) desk_->bytes_sent += desk_->links[static_cast<std::size_t>(rank)].sent(bytes);
}

void Endpoint::ask(std::function<void()> work) {
  {
    const std::lock_guard lock(desk_->mutex);
    desk_->posted.push_back(std::move(work));
  }
  thread_->wake();
}

void Endpoint::post(std::function<void()> work) {
  ask([thread = thread_.get(), work = std::move(work)] { thread->guard(work); });
}

void Endpoint::post_short(const std::function<void()>& work) {
  if (!thread_->help(work)) post(work);
}

void Endpoint::run(const std::function<void()>& work) {
  if (thread_->is_current()) return work();
  Signal ended;
  std::exception_ptr error;
  ask([&] {
    try {
      work();
    } catch (...) {
      error = std::current_exception();
    }
    ended.set();
  });
  std::unique_lock lock(desk_->mutex);
  Waiter waiter;
  waiter.ready = [&ended] { return ended.is_set(); };
  await(lock, waiter);
  if (error) std::rethrow_exception(error);
}

void Endpoint::poll(const std::function<bool()>& step, const Waiting& waiting) {
  const std::function<Step()> looks = [&] { return step() ? Step::done : Step::nothing; };
  Poller poller{.step = looks};
  begin(poller);
  end(poller, waiting);
}

void Endpoint::follow(const std::function<Step()>& step, const Waiting& waiting) {
  Poller poller{.step = step, .by_frames = true};
  begin(poller);
  end(poller, waiting);
}

void Endpoint::begin(Poller& poller) {
  ask([this, &poller] { thread_->pollers().add(poller); });
}

void Endpoint::end(Poller& poller, const Waiting& waiting) {
  try {
    wait(poller.ended, waiting);
  } catch (...) {
    drop(poller);
    throw;
  }
  if (poller.error) std::rethrow_exception(poller.error);
}

void Endpoint::drop(Poller& poller) {
  run([&] { thread_->pollers().remove(poller); });
}

void Endpoint::handle(Kind kind, std::function<void(Frame)> handler) {
  run([&] {
    const auto shared = std::make_shared<const std::function<void(Frame)>>(std::move(handler));
    std::vector<Frame> waiting;
    {
      const std::lock_guard lock(desk_->mutex);
      waiting = desk_->mailbox.set_handler(kind, shared);
    }
    for (Frame& frame : waiting) thread_->guard([&] { (*shared)(std::move(frame)); });
  });
}

void Endpoint::ignore(Kind kind) {
  run([&] {  // on the thread that calls handlers: none runs now
    const std::lock_guard lock(desk_->mutex);
    desk_->mailbox.set_handler(kind, nullptr);
  });
}

Frame Endpoint::receive(int from, Kind kind, std::uint64_t tag, const Waiting& waiting) {
  const Mailbox::Key key{kind, {from, tag}};
  std::unique_lock lock(desk_->mutex);
  Waiter waiter;
  waiter.ready = [&] { return desk_->mailbox.has(key); };
  waiter.why = &waiting;
  waiter.from = {from};
  await(lock, waiter);
  return desk_->mailbox.take(key);
}

std::vector<Frame> Endpoint::receive_all(std::span<const int> from, Kind kind, std::uint64_t tag, const Waiting& waiting) {
  const auto has = [&](int rank) { return desk_->mailbox.has({kind, {rank, tag}}); };
  std::size_t come = 0;  // so many of the first; guarded by the mutex
  Waiting why = waiting;
  if (!why.on)
    why.on = [&] {
      std::vector<int> missing(from.begin() + static_cast<std::ptrdiff_t>(come), from.end());
      std::erase_if(missing, has);
      return missing;
    };
  std::unique_lock lock(desk_->mutex);
  Waiter waiter;
  waiter.ready = [&] {
    while (come < from.size() && has(from[come])) ++come;
    return come == from.size();
  };
  waiter.why = &why;
  await(lock, waiter);
  std::vector<Frame> frames;
  frames.reserve(from.size());
  for (const int rank : from) frames.push_back(desk_->mailbox.take({kind, {rank, tag}}));
  return frames;
}

std::optional<Frame> Endpoint::take(int from, Kind kind, std::uint64_t tag) {
  const Mailbox::Key key{kind, from, tag};
  const std::lock_guard lock(desk_->mutex);
  if (!desk_->mailbox.has(key)) return std::nullopt;
  return desk_->mailbox.take(key);
}

void Endpoint::wait(const Signal& signal, const Waiting& waiting) {
  if (signal.is_set()) return;
  std::unique_lock lock(desk_->mutex);
  Waiter waiter;
  waiter.ready = [&] { return signal.is_set(); };
  waiter.why = &waiting;
  await(lock, waiter);
}

void Endpoint::idle(const std::function<bool()>& ready) {
  std::unique_lock lock(desk_->mutex);
  Waiter waiter;
  waiter.ready = [&] { return ready() || !desk_->failure.empty(); };
  await(lock, waiter);
}

void Endpoint::await(std::unique_lock<std::mutex>& lock, Waiter& waiter) {
  if (waiter.ready()) return;
  if (thread_->is_current())
    throw Error("a handler waits for what only the communication thread can bring: post the work, and wait elsewhere");
  desk_->waits.add(waiter);
  const auto over = [&] { return waiter.done || (!desk_->failure.empty() && (waiter.why || waiter.ready())); };
  lock.unlock();
  if (Turns* const turns = transport_->turns()) {
    turns->wait([&] {
      const std::lock_guard look(desk_->mutex);
      return over();
    });
    lock.lock();
  } else {
    thread_local Yielder yielder;
    bool helped = thread_->help(waiter.done);
    while (!helped && !waiter.done.load(std::memory_order_relaxed) && Waiter::Clock::now() - waiter.begin < kYield && yielder.yield()) helped = thread_->help(waiter.done);
    if (!helped && !waiter.done.load(std::memory_order_relaxed)) thread_->end_rest();
    lock.lock();
    waiter.wakes.wait(lock, over);
  }
  const auto end = desk_->waits.remove(waiter);
  if (waiter.why && desk_->trace) desk_->trace->add(SpanKind::wait, waiter.begin, end, waiter.from.empty() ? -1 : waiter.from.front());
  if (!waiter.ready()) throw RankLost(desk_->failure);
}

std::vector<Link> Endpoint::links() const {
  const std::lock_guard lock(desk_->mutex);
  return desk_->links;
}

std::uint64_t Endpoint::bytes_sent() const {
  const std::lock_guard lock(desk_->mutex);
  return desk_->bytes_sent;
}

void Endpoint::trace_to(std::unique_ptr<Trace> trace) {
  run([&] { desk_->trace = std::move(trace); });
}

Trace* Endpoint::trace() const { return desk_->trace.get(); }

double Endpoint::wait_seconds() const {
  const std::lock_guard lock(desk_->mutex);
  return desk_->waits.seconds();
}

double Endpoint::communication_seconds() const { return thread_->processor_seconds(); }

std::string Endpoint::failure() const {
  const std::lock_guard lock(desk_->mutex);
  return desk_->failure;
}

int Endpoint::speaker() const {
  const std::lock_guard lock(desk_->mutex);
  return desk_->speaker;
}

void Endpoint::fail(const std::string& reason) { thread_->fail(reason); }

void Endpoint::set_hosts(std::vector<std::string> hosts) {
  hosts_ = hosts;
  run([&] { thread_->watch().set_hosts(std::move(hosts)); });
}

}  // namespace sounder::mpi
