// What workers did and read, in order, for the checker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sounder::mpi {

struct Event {
  enum class What : std::uint8_t {
    push,      ///< sent: `sequence` to `server`
    complete,  ///< the worker has completed clock `clock`
    leave,     ///< the worker completes no more
    ask,       ///< read `request` was begun in `clock`
    read,      ///< its answer of one server: witness, and `sequence`, the last own push that it holds
    done,      ///< read `request` is complete
  };
  What what;
  int worker = 0;
  int server = 0;
  std::uint64_t clock = 0;
  std::uint64_t staleness = 0;  ///< in force: of ask and read
  std::uint64_t sequence = 0;
  std::uint64_t request = 0;    ///< numbers the reads of a worker
  std::size_t witness = 0;      ///< read: where its clocks begin in History::clocks
  bool newest = false;          ///< ask, read: no bound was asked for
};

/// In memory; one for all workers where one thread runs them, so that the order of the events is that of (virtual) time.
class History {
 public:
  explicit History(int workers) : workers_(static_cast<std::size_t>(workers)) {}
  void add(const Event& event) { events_.push_back(event); }
  void add_read(Event event, std::span<const std::uint64_t> witness) {
    event.witness = clocks_.size();
    clocks_.insert(clocks_.end(), witness.begin(), witness.end());
    events_.push_back(event);
  }
  std::size_t workers() const { return workers_; }
  const std::vector<Event>& events() const { return events_; }
  /// By worker: how many of its clocks the read held. kLeft: it had left, and all was there.
  std::span<const std::uint64_t> witness(const Event& read) const { return {clocks_.data() + read.witness, workers_}; }

 private:
  std::size_t workers_;
  std::vector<Event> events_;
  std::vector<std::uint64_t> clocks_;
};

}  // namespace sounder::mpi
