// Team `tbb`: tasks in an arena of their own. oneTBB may run two of them one after the other on one thread, so
// a mode must not let one worker wait for another inside a round.
#include <algorithm>
#include <utility>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <sounder/shm/topology.hpp>

#include "teams/team.hpp"

namespace sounder::shm {
namespace {

class TbbTeam final : public Team {
 public:
  TbbTeam(int workers, Placement placement)
      : allowed_(kAllowed, std::max(tbb::global_control::active_value(kAllowed), static_cast<std::size_t>(workers))),
        arena_(workers),
        workers_(workers),
        placement_(std::move(placement)) {}
  int size() const override { return workers_; }

  void run(const std::function<void(int)>& work) override {
    FirstError first;
    const auto guarded = [&](int worker) {
      first.guard([&] {
        const Pinned pinned(cpus_of(placement_, worker));
        work(worker);
      });
    };
    arena_.execute([&] {
      tbb::task_group group;
      for (int worker = 1; worker < workers_; ++worker) group.run([&, worker] { guarded(worker); });
      guarded(0);
      group.wait();
    });
    first.rethrow();
  }

 private:
  static constexpr auto kAllowed = tbb::global_control::max_allowed_parallelism;

  tbb::global_control allowed_;  // otherwise oneTBB warns of more workers than cores, and does not start them
  tbb::task_arena arena_;
  int workers_;
  Placement placement_;
};

}  // namespace

std::unique_ptr<Team> make_tbb_team(int workers, Placement placement) {
  return std::make_unique<TbbTeam>(workers, std::move(placement));
}

}  // namespace sounder::shm
