#include "protocol/checker.hpp"

#include <algorithm>
#include <vector>

#include "protocol/policy.hpp"

namespace sounder::mpi {
namespace {

using std::to_string;

class Check {
 public:
  Check(const History& history, const Promises& promises)
      : history_(history), promises_(promises), completed_(history.workers()), left_(history.workers()), of_(history.workers()) {}

  Verdict run() {
    for (const Event& event : history_.events()) on(event);
    for (const OfWorker& worker : of_) verdict_.stuck += worker.open.size();
    return verdict_;
  }

 private:
  struct Open {  // a read under way
    std::uint64_t request;
    std::vector<std::uint64_t> pushed;  // to each server, before it was begun
  };
  struct OfWorker {
    std::vector<std::uint64_t> pushed;             // by server: the last push
    std::vector<std::vector<std::uint64_t>> seen;  // by server, by worker: clocks
    std::vector<Open> open;
  };

  void on(const Event& event) {
    const auto number = static_cast<std::size_t>(event.worker), server = static_cast<std::size_t>(event.server);
    OfWorker& worker = of_[number];
    const auto open = std::find_if(worker.open.begin(), worker.open.end(), [&](const Open& read) { return read.request == event.request; });
    switch (event.what) {
      case Event::What::push: at(worker.pushed, server) = event.sequence; return;
      case Event::What::complete: completed_[number] = event.clock + 1; return on_lead(event, 1);
      case Event::What::leave: left_[number] = true; return;
      case Event::What::ask: worker.open.push_back({event.request, worker.pushed}); return;
      case Event::What::read: return on_read(event, at(worker.seen, server), open == worker.open.end() ? 0 : at(open->pushed, server));
      case Event::What::done:
        if (open != worker.open.end()) worker.open.erase(open);
        if (!event.newest) on_lead(event, 0);
        return;
    }
  }

  template <class T>
  static T& at(std::vector<T>& values, std::size_t i) {
    if (values.size() <= i) values.resize(i + 1);
    return values[i];
  }

  void on_read(const Event& read, std::vector<std::uint64_t>& before, std::uint64_t own_pushes) {
    ++verdict_.reads;
    const auto witness = history_.witness(read);
    before.resize(witness.size());
    const std::uint64_t due = clocks_due(read.clock, read.staleness);
    for (std::size_t worker = 0; worker < witness.size(); ++worker) {
      const std::uint64_t clocks = witness[worker];
      if (clocks < before[worker])
        broken(read, "sees " + to_string(clocks) + " clocks of worker " + to_string(worker) + " after " + to_string(before[worker]));
      before[worker] = clocks;
      if (read.newest || clocks == kLeft) continue;
      if (clocks < due)
        broken(read, "is due " + to_string(due) + " clocks of worker " + to_string(worker) + " and sees " + to_string(clocks));
      if (promises_.visibility == Visibility::exact && clocks > due)
        broken(read, "is due exactly " + to_string(due) + " clocks of worker " + to_string(worker) + " and sees " + to_string(clocks));
      if (read.clock > clocks) verdict_.largest_staleness = std::max(verdict_.largest_staleness, read.clock - clocks);
    }
    if (promises_.read_my_writes && read.sequence < own_pushes)
      broken(read, "holds own pushes up to " + to_string(read.sequence) + " of " + to_string(own_pushes));
  }

  /// `more`: what is allowed beyond the staleness.
  void on_lead(const Event& event, std::uint64_t more) {
    const std::uint64_t mine = completed_[static_cast<std::size_t>(event.worker)];
    for (std::size_t worker = 0; worker < completed_.size(); ++worker) {
      if (left_[worker] || mine <= completed_[worker]) continue;
      const std::uint64_t lead = mine - completed_[worker];
      verdict_.largest_lead = std::max(verdict_.largest_lead, lead);
      if (promises_.staleness != kUnbounded && lead > promises_.staleness + more)
        broken(event, "leads worker " + to_string(worker) + " by " + to_string(lead) + " clocks");
    }
  }

  void broken(const Event& event, const std::string& how) {
    if (!verdict_.violations++)
      verdict_.first = "worker " + to_string(event.worker) + " in clock " + to_string(event.clock) + ", server " +
                       to_string(event.server) + ": " + how;
  }

  const History& history_;
  Promises promises_;
  Verdict verdict_;
  std::vector<std::uint64_t> completed_;
  std::vector<bool> left_;
  std::vector<OfWorker> of_;
};

}  // namespace

Verdict check(const History& history, const Promises& promises) { return Check(history, promises).run(); }

}  // namespace sounder::mpi
