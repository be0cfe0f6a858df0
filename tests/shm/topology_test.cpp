// Topology: which processing units a worker gets, and that the caller keeps its own placement.
#include <set>

#include <doctest/doctest.h>
#include <sched.h>

#include <sounder/shm/topology.hpp>

#include "support.hpp"
#include "teams/team.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// The processing units that the calling thread may run on.
std::set<int> affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {};
  std::set<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.insert(cpu);
  return cpus;
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("usable_cpus names every processing unit of the mask once") {
    const std::vector<int> cpus = shm::usable_cpus();
    const std::set<int> distinct(cpus.begin(), cpus.end());
    REQUIRE(!cpus.empty());
    CHECK(distinct.size() == cpus.size());
    CHECK(distinct == affinity());
  }

  TEST_CASE("Pinned keeps one processing unit while it lives, and gives the old mask back") {
    const std::set<int> before = affinity();
    for (const int cpu : shm::usable_cpus()) {
      {
        const shm::Pinned pinned({cpu});
        CHECK(affinity() == std::set<int>{cpu});
        CHECK(shm::usable_cpus() == std::vector<int>{cpu});
        { const shm::Pinned nested({cpu}); }
        CHECK(affinity() == std::set<int>{cpu});
      }
      CHECK(affinity() == before);
    }
    {
      const shm::Pinned nowhere(std::vector<int>{});
      CHECK(affinity() == before);
    }
    {
      const shm::Pinned impossible({8191});  // no such processing unit: placement is advice
      CHECK(affinity() == before);
    }
    CHECK(affinity() == before);
  }

  TEST_CASE("place: one worker a core where there are enough, else as the flag says") {
    const std::vector<int> cpus = shm::usable_cpus();
    const int enough = static_cast<int>(cpus.size()), more = enough + 1;
    shm::Placement one_each;
    for (const int cpu : cpus) one_each.push_back({cpu});
    CHECK(shm::place(enough, PinName::automatic) == one_each);
    CHECK(shm::place(more, PinName::automatic).empty());
    CHECK(shm::place(enough, PinName::none).empty());
    const shm::Placement wrapped = shm::place(more, PinName::core);
    REQUIRE(wrapped.size() == cpus.size() + 1);
    CHECK(wrapped.back() == std::vector<int>{cpus.front()});
  }

  TEST_CASE("numa: workers are spread over the nodes, each bound to all units of its own") {
    const auto nodes = shm::numa_nodes("node:2 core:3 pu:2");
    REQUIRE(nodes.size() == 2);
    CHECK(nodes[0] == std::vector<int>{0, 2, 4, 1, 3, 5});  // cores first, then hyper-threads
    CHECK(nodes[1] == std::vector<int>{6, 8, 10, 7, 9, 11});
    const shm::Placement placement = shm::spread(5, nodes);
    REQUIRE(placement.size() == 5);
    for (int worker = 0; worker < 5; ++worker) {
      CHECK(shm::cpus_of(placement, worker) == nodes[static_cast<std::size_t>(worker % 2)]);
      CHECK(shm::node_of(placement, worker, nodes) == static_cast<std::size_t>(worker % 2));
      CHECK(shm::node_of({}, worker, nodes) == static_cast<std::size_t>(worker % 2));  // not placed: spread
    }
    CHECK(shm::node_of({{3}, {3}}, 1, nodes) == 0);  // where it is placed, not which number it has
    CHECK(shm::numa_nodes("core:4 pu:1").size() == 1);

    std::set<int> all;  // here: every usable unit is in one node
    for (const auto& node : shm::numa_nodes()) all.insert(node.begin(), node.end());
    CHECK(all == affinity());
    const auto team = shm::make_team(TeamName::threads, 2, PinName::numa);
    const auto here = shm::numa_nodes();
    std::vector<std::set<int>> seen(2);
    team->run([&](int worker) { seen[static_cast<std::size_t>(worker)] = affinity(); });
    for (std::size_t worker = 0; worker < 2; ++worker) {
      const auto& node = here[worker % here.size()];
      CHECK(seen[worker] == std::set<int>(node.begin(), node.end()));
    }
  }

  TEST_CASE("every team puts its workers where it should, and the caller keeps its mask") {
    const std::vector<int> cpus = shm::usable_cpus();
    const std::set<int> before = affinity();
    for_each_team([&](TeamName name) {
      CAPTURE(std::string(name_of(kTeams, name)));
      const auto team = shm::make_team(name, 3, PinName::core);
      std::vector<std::set<int>> seen(3);
      team->run([&](int worker) { seen[static_cast<std::size_t>(worker)] = affinity(); });
      for (std::size_t worker = 0; worker < 3; ++worker)
        CHECK(seen[worker] == std::set<int>{cpus[worker % cpus.size()]});
      CHECK(affinity() == before);
      CHECK_THROWS_AS(team->run([](int) { throw 1; }), int);
      CHECK(affinity() == before);
    });
  }

  TEST_CASE("core_to_core_ns is a time where there are two cores") {
    const std::optional<double> latency = shm::core_to_core_ns();
    CHECK(latency.has_value() == (shm::usable_cpus().size() >= 2));
    if (latency) CHECK(*latency > 0);
    const shm::Pinned pinned({shm::usable_cpus().front()});
    CHECK_FALSE(shm::core_to_core_ns().has_value());
  }
}
