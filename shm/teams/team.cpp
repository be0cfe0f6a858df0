#include "teams/team.hpp"

#include <sounder/shm/topology.hpp>

namespace sounder::shm {

Placement place(int workers, PinName pin) {
  const std::vector<int> cpus = usable_cpus();
  const auto n = static_cast<std::size_t>(workers);
  if (pin == PinName::none || (pin == PinName::automatic && n > cpus.size())) return {};
  Placement placement;
  for (std::size_t i = 0; i < n; ++i) placement.push_back(cpus[i % cpus.size()]);
  return placement;
}

std::unique_ptr<Team> make_team(TeamName name, int workers, PinName pin) {
  Placement placement = place(workers, pin);
  switch (name) {
    case TeamName::openmp: return make_openmp_team(workers, std::move(placement));
    case TeamName::tbb: return make_tbb_team(workers, std::move(placement));
    case TeamName::threads: return make_threads_team(workers, std::move(placement));
  }
  return nullptr;
}

}  // namespace sounder::shm
