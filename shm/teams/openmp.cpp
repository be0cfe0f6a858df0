// Team `openmp`: a parallel region. Its threads belong to the OpenMP runtime, which keeps them between rounds.
#include <utility>

#include <sounder/error.hpp>
#include <sounder/shm/topology.hpp>

#include "teams/team.hpp"

namespace sounder::shm {
namespace {

class OpenMpTeam final : public Team {
 public:
  OpenMpTeam(int workers, Placement placement) : workers_(workers), placement_(std::move(placement)) {}
  int size() const override { return workers_; }

  void run(const std::function<void(int)>& work) override {
    FirstError first;
    // schedule(static, 1): iteration k on thread k, also when the runtime grants fewer threads than asked.
#pragma omp parallel for schedule(static, 1) num_threads(workers_)
    for (int worker = 0; worker < workers_; ++worker)
      first.guard([&] {
        const Pinned pinned(cpus_of(placement_, worker));
        work(worker);
      });
    first.rethrow();
  }

 private:
  int workers_;
  Placement placement_;
};

}  // namespace

std::unique_ptr<Team> make_openmp_team(int workers, Placement placement) {
  return std::make_unique<OpenMpTeam>(workers, std::move(placement));
}

}  // namespace sounder::shm
