#include "teams/team.hpp"

#include <algorithm>

#include <sounder/shm/topology.hpp>

namespace sounder::shm {

Placement place(int workers, PinName pin) {
  if (pin == PinName::numa) return spread(workers, numa_nodes());
  const std::vector<int> cpus = usable_cpus();
  const auto n = static_cast<std::size_t>(workers);
  if (pin == PinName::none || (pin == PinName::automatic && n > cpus.size())) return {};
  Placement placement;
  for (std::size_t i = 0; i < n; ++i) placement.push_back({cpus[i % cpus.size()]});
  return placement;
}

Placement spread(int workers, const std::vector<std::vector<int>>& nodes) {
  Placement placement;
  for (std::size_t i = 0; i < static_cast<std::size_t>(workers); ++i) placement.push_back(nodes[i % nodes.size()]);
  return placement;
}

std::size_t node_of(const Placement& placement, int worker, const std::vector<std::vector<int>>& nodes) {
  const std::vector<int> cpus = cpus_of(placement, worker);
  for (std::size_t node = 0; !cpus.empty() && node < nodes.size(); ++node)
    if (std::find(nodes[node].begin(), nodes[node].end(), cpus.front()) != nodes[node].end()) return node;
  return static_cast<std::size_t>(worker) % nodes.size();
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
