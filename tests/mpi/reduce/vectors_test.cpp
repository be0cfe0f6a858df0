// Reducers of vectors: each is held to the same laws, and so are mutants of each, which break them.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <sounder/error.hpp>
#include <sounder/mpi/world.hpp>

#include "collectives.hpp"
#include "mpi/reduce/laws.hpp"
#include "reduce/circle.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

namespace {

struct Way {
  const char* name;
  std::function<std::unique_ptr<Reducer>(Endpoint&, std::size_t chunk_bytes)> make;
};

std::vector<Way> ways() {
  const auto hierarchical = [](int ranks_per_node) {
    return [=](Endpoint& endpoint, std::size_t chunk) {
      return make_hierarchical(endpoint, {.chunk_bytes = chunk, .ranks_per_node = ranks_per_node});
    };
  };
  return {{"ring", [](Endpoint& endpoint, std::size_t chunk) { return make_ring(endpoint, chunk); }},
          {"double-ring", [](Endpoint& endpoint, std::size_t chunk) { return make_double_ring(endpoint, chunk); }},
          {"tree", [](Endpoint& endpoint, std::size_t chunk) { return make_tree(endpoint, chunk); }},
          {"hierarchical, one machine", hierarchical(0)},
          {"hierarchical, a machine each", hierarchical(1)},
          {"hierarchical, pairs", hierarchical(2)},
          {"hierarchical, threes", hierarchical(3)}};
}

/// Whether all ranks find that `make` adds up.
bool keeps_laws(int ranks, const MakeReducer& make, const std::vector<std::size_t>& sizes) {
  std::vector<char> good(static_cast<std::size_t>(ranks));
  World::run_inproc(ranks, [&](World& world) { good[static_cast<std::size_t>(world.rank())] = adds_up(world.endpoint(), make, sizes); });
  return std::ranges::all_of(good, [](char each) { return each != 0; });
}

const std::vector<std::size_t> kSizes{0, 1, 2, 7, 1000, 4099};

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("every reducer adds up vectors of any length over any number of ranks in chunks of any size, the same bytes everywhere") {
    for (const Way& way : ways())
      for (const int ranks : {1, 2, 3, 4, 5, 6, 7, 8})
        for (const std::size_t chunk : {std::size_t{4}, std::size_t{256}, std::size_t{1} << 20}) {
          if (kThreadSanitizer && (ranks != 4 || chunk == 4)) continue;
          if (chunk == 4 && ranks > 3) continue;
          CAPTURE(way.name);
          CAPTURE(ranks);
          CAPTURE(chunk);
          const MakeReducer make = [&](Endpoint& endpoint) { return way.make(endpoint, chunk); };
          CHECK(keeps_laws(ranks, make, chunk == 4 ? std::vector<std::size_t>{0, 1, 7, 40} : kSizes));
        }
  }

  TEST_CASE("mutants of every reducer are caught by the laws") {
    for (const Way& way : ways())
      for (const Mutant::Fault fault : kFaults) {
        if (kThreadSanitizer && fault != Mutant::Fault::keeps_its_own) continue;
        CAPTURE(way.name);
        CHECK(!keeps_laws(3, [&](Endpoint& endpoint) { return std::make_unique<Mutant>(way.make(endpoint, 256), fault, endpoint.rank() == 1); }, {7}));
      }
  }

  TEST_CASE("a circle whose ranks do not all take part in it sums those that do, which the laws see") {
    class Half final : public Reducer {
     public:
      explicit Half(Endpoint& endpoint) : endpoint_(endpoint) {}
      void sum(std::span<float> vector) override {  // as a hierarchy would whose leaders do not meet
        const int first = endpoint_.rank() / 2 * 2;
        Walks walks(endpoint_);
        const Walk all[] = {circle(Lane(walks), vector, {first, first + 1}, static_cast<std::size_t>(endpoint_.rank() - first), 64)};
        walks.run(all, "half of a sum");
      }

     private:
      Endpoint& endpoint_;
    };
    CHECK(keeps_laws(2, [](Endpoint& endpoint) { return std::make_unique<Half>(endpoint); }, kSizes));
    CHECK(!keeps_laws(4, [](Endpoint& endpoint) { return std::make_unique<Half>(endpoint); }, kSizes));
  }

  TEST_CASE("between machines a hierarchical sum sends 2 (N - 1) / N of a vector for each machine, a ring in the worst order for each rank") {
    constexpr std::size_t kFloats = 60'000;
    // Two machines of two ranks. Bytes that cross from one to the other, by both directions.
    const auto crossing = [&](const std::function<std::unique_ptr<Reducer>(Endpoint&)>& make, const std::function<int(int)>& machine_of) {
      std::vector<std::uint64_t> bytes(4);
      World::run_inproc(4, [&](World& world) {
        Endpoint& endpoint = world.endpoint();
        const auto reducer = make(endpoint);
        std::vector<float> vector(kFloats, 1);
        const auto crossed = [&] {
          barrier(endpoint);
          std::uint64_t sum = 0;
          const auto links = endpoint.links();
          for (int to = 0; to < 4; ++to)
            if (machine_of(to) != machine_of(world.rank())) sum += links[static_cast<std::size_t>(to)].bytes_sent;
          return sum;
        };
        const std::uint64_t before = crossed();
        reducer->sum(vector);
        bytes[static_cast<std::size_t>(world.rank())] = crossed() - before;
      });
      return static_cast<double>(bytes[0] + bytes[1] + bytes[2] + bytes[3]) / (sizeof(float) * kFloats);
    };
    const auto one_after_the_other = [](int rank) { return rank / 2; };
    const auto alternating = [](int rank) { return rank % 2; };
    const auto hierarchical = [](Endpoint& endpoint) { return make_hierarchical(endpoint, {.chunk_bytes = 1 << 16, .ranks_per_node = 2}); };
    const auto ring = [](Endpoint& endpoint) { return make_ring(endpoint, 1 << 16); };
    CHECK(crossing(hierarchical, one_after_the_other) == doctest::Approx(2).epsilon(0.02));
    CHECK(crossing(ring, one_after_the_other) == doctest::Approx(3).epsilon(0.02));
    CHECK(crossing(ring, alternating) == doctest::Approx(6).epsilon(0.02));
  }

  TEST_CASE("a rank that does not come to a sum is named by all others, whatever the reducer") {
    for (const Way& way : ways()) {
      std::vector<std::string> said(4);
      try {
        World::run_inproc(
            4,
            [&](World& world) {
              const auto me = static_cast<std::size_t>(world.rank());
              std::vector<float> vector(1000, 1);
              try {
                barrier(world.endpoint());  // all are here before one goes
                const auto reducer = way.make(world.endpoint(), 256);
                if (world.rank() == 2) throw Error("gone");
                for (int i = 0; i < 3; ++i) reducer->sum(vector);
              } catch (const RankLost& lost) {
                said[me] = lost.what();
                throw;
              }
            },
            30);
      } catch (const Error&) {
      }
      CAPTURE(way.name);
      for (const std::size_t rank : {0U, 1U, 3U}) {
        CAPTURE(said[rank]);
        CHECK(said[rank].find("rank 2") != std::string::npos);
      }
    }
  }

  TEST_CASE("vectors of different lengths are refused on all ranks") {
    for (const Way& way : ways()) {
      CAPTURE(way.name);
      CHECK_THROWS_AS(World::run_inproc(2,
                                        [&](World& world) {
                                          std::vector<float> vector(world.rank() == 0 ? 10 : 12, 1);
                                          way.make(world.endpoint(), 1 << 20)->sum(vector);
                                        }),
                      Error);
    }
  }
}
