// Sums that take their own steps: coroutines on the communication thread, which resumes each when a chunk that it waits for comes in.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "endpoint.hpp"

namespace sounder::mpi {

/// Reads like code that waits, and blocks nobody. A walk may wait for another: `co_await ring(...)`.
class Walk {
 public:
  struct promise_type {
    std::coroutine_handle<> after = std::noop_coroutine();  ///< who waits for the end
    std::exception_ptr error;

    struct End {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) const noexcept { return ended.promise().after; }
      void await_resume() const noexcept {}
    };
    Walk get_return_object() { return Walk(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    End final_suspend() const noexcept { return {}; }
    void return_void() const {}
    void unhandled_exception() { error = std::current_exception(); }
  };

  explicit Walk(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Walk(Walk&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Walk& operator=(Walk&&) = delete;
  ~Walk() {
    if (handle_) handle_.destroy();
  }

  void begin() const { handle_.resume(); }
  /// Throws what the walk has thrown.
  bool ended() const {
    if (handle_.done() && handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    return handle_.done();
  }

  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waits) const {
    handle_.promise().after = waits;
    return handle_;
  }
  void await_resume() const { ended(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

/// What the walks of a sum share: what they wait for, and what they lent. Made by all ranks in the same order: their lanes tell them apart.
class Walks {
 public:
  explicit Walks(Endpoint& endpoint);
  ~Walks() { stop(); }
  Walks(const Walks&) = delete;
  Walks& operator=(const Walks&) = delete;

  /// Lets all run, and waits until all have ended and nothing of what they sent is read any more. `what`: they wait for. Throws RankLost;
  /// nothing is sent out of lent memory then either.
  void run(std::span<const Walk> walks, std::string_view what);

  /// The same in two halves: begin() returns at once. The walks set out as soon as may_begin(), which the communication thread asks.
  void begin(std::span<const Walk> walks, std::function<bool()> may_begin = {});
  void end(std::string_view what);
  /// Where they are under way they take no more steps, and nothing is sent out of lent memory: this ends the run of all ranks.
  void stop();
  bool begun() const { return begun_; }
  /// Whether all have ended. On any thread.
  bool ended() const { return poller_.ended.is_set(); }

 private:
  friend class Lane;
  struct Waiter {
    int from;
    std::uint64_t tag;
    Payload* to;
    std::coroutine_handle<> walk;
  };
  Step step();

  Endpoint& endpoint_;
  std::span<const Walk> walks_;
  std::function<bool()> may_begin_;
  const std::function<Step()> step_ = [this] { return step(); };
  Poller poller_{.step = step_, .by_frames = true};
  bool begun_ = false, over_ = false;       ///< begin() was called; end() has returned or thrown
  const bool copies_;                       ///< a receiver in this process would read the lent memory itself, whenever it likes
  std::shared_ptr<const char> lent_;        ///< each payload that is on its way out of lent memory holds it too
  bool set_out_ = false;
  std::vector<Waiter> waiters_, looking_;   ///< belong to the communication thread
};

/// The messages of one walk between ranks.
class Lane {
 public:
  explicit Lane(Walks& walks) : walks_(walks), tag_(walks.endpoint_.next_tag()) {}

  struct Arrival {
    Walks& walks;
    int from;
    std::uint64_t tag;
    Payload payload{};

    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> walk) { walks.waiters_.push_back({from, tag, &payload, walk}); }
    Payload await_resume() { return std::move(payload); }
  };
  /// The next chunk from that rank.
  Arrival receive(int from) const { return {walks_, from, tag_}; }
  /// A chunk that is sent from where it lies: it must stay as it is until all is done, or until something has come in that could not be without it.
  Payload lend(std::span<const float> chunk) const;
  void send(int to, std::span<const float> chunk) const { send(to, lend(chunk)); }
  void send(int to, Payload payload) const;

 private:
  Walks& walks_;
  std::uint64_t tag_;
};

/// Chunks of a part of a vector, of the part `at` of `parts`.
std::vector<std::span<float>> chunks_of(std::span<float> vector, std::size_t at, std::size_t parts, std::size_t chunk_floats);
/// A chunk that has come in. Throws Error where it is of another length.
const float* floats_of(const Payload& sum, std::size_t floats);
/// chunk += sum, and chunk = sum. Throw Error where lengths differ.
void add_to(std::span<float> chunk, const Payload& sum);
void copy_to(std::span<float> chunk, const Payload& sum);

}  // namespace sounder::mpi
