// Team `threads`: std::thread, kept for the life of the team; the caller is worker 0.
#include <algorithm>
#include <atomic>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/params/table.hpp>
#include <sounder/shm/topology.hpp>

#include "teams/team.hpp"

namespace sounder::shm {
namespace {

/// Whether there is a processing unit for every worker.
bool one_each(const Placement& placement) {
  std::set<int> cpus;
  for (const auto& each : placement) cpus.insert(each.begin(), each.end());
  return !placement.empty() && cpus.size() >= placement.size();
}

class ThreadsTeam final : public Team {
 public:
  ThreadsTeam(int workers, Placement placement)
      : workers_(workers), placement_(std::move(placement)), spins_(one_each(placement_) ? kSpins : 0) {
    threads_.reserve(static_cast<std::size_t>(workers_) - 1);
    try {
      for (int worker = 1; worker < workers_; ++worker) threads_.emplace_back([this, worker] { live(worker); });
    } catch (const std::system_error& error) {
      const std::size_t started = threads_.size() + 1;
      end();
      throw Error(fmt::format("cannot start {} threads, only {} ({}): use fewer --threads", workers_, started, error.what()));
    }
  }
  ~ThreadsTeam() override { end(); }
  ThreadsTeam(const ThreadsTeam&) = delete;
  ThreadsTeam& operator=(const ThreadsTeam&) = delete;

  int size() const override { return workers_; }

  void run(const std::function<void(int)>& work) override {
    work_ = &work;
    running_.store(workers_ - 1, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    first_.guard([&] {
      const Pinned pinned(cpus_of(placement_, 0));
      work(0);
    });
    for (int left; (left = running_.load(std::memory_order_acquire)) != 0;) await(running_, left);
    first_.rethrow();
  }

 private:
  // Rounds follow each other within microseconds on small sets, where waking a sleeper costs as much as the
  // round: spin first. Not where workers share cores.
  static constexpr int kSpins = 20'000;

  void end() {
    work_ = nullptr;
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void await(std::atomic<int>& value, int old) const {
    for (int i = 0; i < spins_; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    value.wait(old, std::memory_order_acquire);
  }

  void live(int worker) {
    const Pinned pinned(cpus_of(placement_, worker));
    for (int seen = 0;;) {
      await(round_, seen);
      seen = round_.load(std::memory_order_acquire);
      if (!work_) return;
      first_.guard([&] { (*work_)(worker); });
      if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_all();
    }
  }

  int workers_;
  Placement placement_;
  int spins_;
  FirstError first_;
  // Written by: the caller between rounds. Read by: workers in a round. Ordered by round_ and running_.
  const std::function<void(int)>* work_ = nullptr;
  // Written by: the caller, to start a round. Read by: workers. Order: release and acquire; publishes work_.
  alignas(kCacheLine) std::atomic<int> round_{0};
  // Written by: each worker when it ends. Read by: the caller. Order: release and acquire; publishes their work.
  alignas(kCacheLine) std::atomic<int> running_{0};
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Team> make_threads_team(int workers, Placement placement) {
  return std::make_unique<ThreadsTeam>(workers, std::move(placement));
}

}  // namespace sounder::shm
