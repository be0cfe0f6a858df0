// Graphs over ranks: what they look like, and what cannot be.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <sounder/error.hpp>

#include "protocol/topology.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

std::vector<int> sources(const Topology& topology, int rank, std::uint64_t round = 0) {
  const auto list = topology.sources(rank, round);
  return {list.begin(), list.end()};
}

std::string refusal(const std::string& text, int ranks, bool allow_disconnected = false) {
  try {
    Topology::make(text, ranks, 1, allow_disconnected);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

struct File {
  explicit File(const std::string& lines) : name((std::filesystem::temp_directory_path() / "sounder_topology_test.txt").string()) {
    std::ofstream(name) << lines;
  }
  ~File() { std::remove(name.c_str()); }
  std::string name;
};

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("in every topology those whom a rank tells hear from it, once and not from themselves") {
    for (const std::string text : {"ring", "torus", "hypercube", "exponential", "one-peer", "star", "complete", "random:3"})
      for (const int ranks : {1, 2, 3, 4, 6, 8, 16, 64}) {
        if (!refusal(text, ranks).empty()) {
          CHECK(((text == "hypercube" && (ranks == 3 || ranks == 6)) || (text == "random:3" && (ranks == 2 || ranks == 3))));
          continue;
        }
        const Topology topology = Topology::make(text, ranks);
        CHECK(topology.parts() == 1);
        CHECK((ranks == 1) == (topology.degree() == 0));
        for (std::uint64_t round = 0; round < topology.period(); ++round)
          for (int rank = 0; rank < ranks; ++rank) {
            const auto heard = topology.sources(rank, round);
            CHECK(std::is_sorted(heard.begin(), heard.end()));
            if (topology.undirected()) CHECK(std::ranges::equal(heard, topology.targets(rank, round)));
            CHECK(std::adjacent_find(heard.begin(), heard.end()) == heard.end());
            for (const int source : heard) {
              CHECK(source != rank);
              const auto told = topology.targets(source, round);
              CHECK(std::find(told.begin(), told.end(), rank) != told.end());
            }
          }
      }
  }

  TEST_CASE("the neighbours are those of the graph's definition") {
    CHECK(sources(Topology::make("ring", 5), 0) == std::vector{1, 4});
    CHECK(sources(Topology::make("torus", 12), 5) == std::vector{1, 4, 6, 9});  // 3 x 4
    CHECK(sources(Topology::make("torus", 4), 0) == std::vector{1, 2});
    CHECK(sources(Topology::make("hypercube", 8), 5) == std::vector{1, 4, 7});
    CHECK(sources(Topology::make("star", 4), 0) == std::vector{1, 2, 3});
    CHECK(sources(Topology::make("star", 4), 2) == std::vector{0});
    CHECK(sources(Topology::make("complete", 3), 1) == std::vector{0, 2});
    const Topology exponential = Topology::make("exponential", 6);
    CHECK(sources(exponential, 4) == std::vector{0, 2, 5});
    CHECK(!exponential.undirected());
  }

  TEST_CASE("one-peer hears from rank + 2^round, and comes around after log2 of the ranks") {
    const Topology topology = Topology::make("one-peer", 6);
    CHECK(topology.period() == 3);
    CHECK(topology.degree() == 1);
    for (std::uint64_t round = 0; round < 7; ++round)
      for (int rank = 0; rank < 6; ++rank)
        CHECK(sources(topology, rank, round) == std::vector{(rank + (1 << round % 3)) % 6});
  }

  TEST_CASE("a random graph has the degree asked for, and is another one by another seed") {
    for (const int degree : {2, 3, 7, 12, 17, 19}) {
      const Topology topology = Topology::make("random:" + std::to_string(degree), 20);
      for (int rank = 0; rank < 20; ++rank) CHECK(topology.sources(rank, 0).size() == static_cast<std::size_t>(degree));
    }
    const auto lists = [](std::uint64_t seed) {
      const Topology topology = Topology::make("random:3", 20, seed);
      std::vector<std::vector<int>> all;
      for (int rank = 0; rank < 20; ++rank) all.push_back(sources(topology, rank));
      return all;
    };
    CHECK(lists(1) == lists(1));
    CHECK(lists(1) != lists(2));
  }

  TEST_CASE("distances count hops") {
    CHECK(Topology::make("ring", 6).distances(0) == std::vector{0, 1, 2, 3, 2, 1});
    CHECK(Topology::make("exponential", 8).distances(0) == std::vector{0, 1, 1, 2, 1, 2, 2, 3});
  }

  TEST_CASE("what cannot be is refused with one sentence that says what to do") {
    CHECK(refusal("hypercube", 6) == "--topology hypercube needs a power of two, not 6 ranks: take 2, 4, 8, ..., or exponential");
    CHECK(refusal("torus", 7).find("prime number") != std::string::npos);
    CHECK(refusal("random:3", 5).find("is odd") != std::string::npos);
    CHECK(refusal("random:4", 4).find("at most 3 neighbours") != std::string::npos);
    for (const std::string text : {"random", "random:", "random:x", "random:0", "random:-2", "random:3x"})
      CHECK_MESSAGE(refusal(text, 8).find("give random:D") != std::string::npos, text);
    CHECK(refusal("rign", 4).find("neither a file that can be read nor one of ring, torus") != std::string::npos);
    CHECK(!refusal("ring", 0).empty());
  }

  TEST_CASE("a file of edges") {
    const File file("# a path\n0 1\n1\t2 # and on\n\n2 1\n  3 2\r\n");
    const Topology topology = Topology::make(file.name, 4);
    CHECK(sources(topology, 1) == std::vector{0, 2});
    CHECK(sources(topology, 3) == std::vector{2});
    CHECK(topology.undirected());
  }

  TEST_CASE("a fault in a file of edges is named with its line") {
    for (const auto& [lines, fault] : std::initializer_list<std::pair<std::string, std::string>>{
             {"0 1\n1 x\n", ":2: \"1 x\" is no edge"},
             {"0 1\n\n1 2 3\n", ":3: \"1 2 3\" is no edge"},
             {"0\n", ":1: \"0\" is no edge"},
             {"0 1\n1 4\n", ":2: there is no rank 4 among 4"},
             {"0 -1\n", ":1: there is no rank -1 among 4"},
             {"0 1\n2 2\n", ":2: rank 2 need not hear from itself"}}) {
      const File file(lines);
      const std::string message = refusal(file.name, 4);
      CHECK_MESSAGE(message.find(file.name + fault) == 0, message);
    }
  }

  TEST_CASE("a graph in parts is refused unless it is asked for") {
    const File file("0 1\n2 3\n");
    CHECK(refusal(file.name, 4).find("falls into 2 parts (rank 0 never hears of rank 2)") != std::string::npos);
    const Topology topology = Topology::make(file.name, 4, 1, true);
    CHECK(topology.parts() == 2);
    CHECK(topology.distances(0) == std::vector{0, 1, -1, -1});
    CHECK(!refusal("random:1", 4).empty());  // pairs
  }
}
