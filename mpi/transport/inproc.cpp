#include "transport/inproc.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "transport/bell.hpp"
#include "transport/inproc_window.hpp"

namespace sounder::mpi {
namespace {

using Clock = std::chrono::steady_clock;

/// Where a rank's frames wait for it.
struct Box {
  std::mutex mutex;
  std::deque<Frame> frames;                             // guarded by mutex
  std::multimap<Clock::time_point, Frame> late;         // guarded by mutex; of equal times, the earlier sent is first
  std::map<std::pair<int, Channel>, Clock::time_point> last;  // guarded by mutex; when the last late frame of a channel is due
  // Written by: its rank, at its end. Read by: senders, as a hint: a frame that still comes in is freed with the box.
  std::atomic<bool> closed{false};
  // Written by: cut_off, once. Read by: senders. Relaxed: frames under way when the wire is cut may go either way.
  std::atomic<bool> cut{false};
  Bell bell;
};

class Wires final : public InprocNetwork {
 public:
  Wires(int ranks, bool wants_help) : wants_help_(wants_help), boxes_(static_cast<std::size_t>(ranks)), windows_(ranks) {}

  std::unique_ptr<Transport> transport(int rank) override;
  void cut_off(int rank) override { box(rank).cut.store(true, std::memory_order_relaxed); }
  void set_fate(std::function<Fate(int, int, const Header&)> fate) override { fate_ = std::move(fate); }

  int size() const { return static_cast<int>(boxes_.size()); }
  bool wants_help() const { return wants_help_; }
  Box& box(int rank) { return boxes_[static_cast<std::size_t>(rank)]; }
  InprocWindows& windows() { return windows_; }

  void carry(int from, int to, Frame frame) {
    Box& target = box(to);
    if (target.closed.load(std::memory_order_relaxed)) return;
    Fate fate;
    if (from != to) {
      if (box(from).cut.load(std::memory_order_relaxed) || target.cut.load(std::memory_order_relaxed)) return;
      if (fate_) fate = fate_(from, to, frame.header);
      if (fate.lost) return;
    }
    {
      const std::lock_guard lock(target.mutex);
      auto last = target.last.find({from, frame.header.channel});
      if (fate.delay_seconds <= 0 && last == target.last.end()) {
        target.frames.push_back(std::move(frame));
      } else {
        auto due = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(fate.delay_seconds));
        if (last != target.last.end()) due = std::max(due, last->second);
        target.last[{from, frame.header.channel}] = due;
        target.late.emplace(due, std::move(frame));
      }
    }
    target.bell.ring();
  }

 private:
  const bool wants_help_;
  std::vector<Box> boxes_;
  InprocWindows windows_;
  std::function<Fate(int, int, const Header&)> fate_;  // written before the first frame
};

class InprocTransport final : public Transport {
 public:
  InprocTransport(std::shared_ptr<Wires> wires, int rank) : wires_(std::move(wires)), rank_(rank), box_(wires_->box(rank)) {}
  ~InprocTransport() override {
    box_.closed.store(true, std::memory_order_relaxed);
    std::deque<Frame> unread;  // freed here and not with the last rank: their payloads may be large
    const std::lock_guard lock(box_.mutex);
    unread.swap(box_.frames);
  }

  int rank() const override { return rank_; }
  int size() const override { return wires_->size(); }
  void send(int to, Frame frame) override { wires_->carry(rank_, to, std::move(frame)); }

  std::optional<Frame> receive() override {
    const std::lock_guard lock(box_.mutex);
    if (!box_.late.empty()) {
      const auto due = box_.late.upper_bound(Clock::now());
      for (auto late = box_.late.begin(); late != due; ++late) box_.frames.push_back(std::move(late->second));
      box_.late.erase(box_.late.begin(), due);
    }
    if (box_.frames.empty()) return std::nullopt;
    std::optional<Frame> frame(std::move(box_.frames.front()));
    box_.frames.pop_front();
    return frame;
  }

  bool flushed() override { return true; }

  void sleep(double seconds) override {
    if (seconds <= 0) return std::this_thread::yield();
    {
      const std::lock_guard lock(box_.mutex);
      if (!box_.frames.empty()) return;
      if (!box_.late.empty())
        seconds = std::clamp(std::chrono::duration<double>(box_.late.begin()->first - Clock::now()).count(), 0.0, seconds);
    }
    box_.bell.sleep(seconds);
  }
  void wake() override { box_.bell.ring(); }
  bool wants_help() const override { return wires_->wants_help(); }
  bool ends_together() const override { return false; }
  bool hands_over() const override { return true; }
  std::unique_ptr<Window> open_window(std::span<const float> own, std::size_t counts) override { return wires_->windows().open(rank_, own, counts); }
  std::string name() const override { return "threads of one process"; }
  void abandon() override {}
  void abort(int status) override { ::_exit(status); }

 private:
  std::shared_ptr<Wires> wires_;
  int rank_;
  Box& box_;
};

std::unique_ptr<Transport> Wires::transport(int rank) {
  return std::make_unique<InprocTransport>(std::static_pointer_cast<Wires>(shared_from_this()), rank);
}

}  // namespace

std::shared_ptr<InprocNetwork> InprocNetwork::make(int ranks, bool wants_help) { return std::make_shared<Wires>(ranks, wants_help); }

}  // namespace sounder::mpi
