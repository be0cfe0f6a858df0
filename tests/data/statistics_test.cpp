// Statistics: hypergraphs small enough to count by hand.
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/statistics.hpp>

using sounder::Columns;
using sounder::sampled_rho;
using sounder::statistics;

namespace {

Columns hypergraph(const std::vector<std::vector<std::uint32_t>>& edges) {
  Columns columns;
  columns.offsets = {0};
  for (const auto& edge : edges) {
    columns.ids.insert(columns.ids.end(), edge.begin(), edge.end());
    columns.offsets.push_back(columns.ids.size());
    columns.labels.push_back(1);
  }
  return columns;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("statistics of a path: its middle meets most") {
    const Columns path = hypergraph({{1, 2}, {2, 3}, {3, 4}, {4, 5, 4000000000u}});
    const auto found = statistics(path);
    CHECK(found.examples == 4);
    CHECK(found.features == 6);
    CHECK(found.nonzeros == 9);
    CHECK(found.omega == 3);
    CHECK(found.delta == 0.5);
    CHECK(found.kappa == (3 * 0.25 + 3 * 0.0625));
    CHECK(sampled_rho(path, 4, 1) == 0.75);
    CHECK(sampled_rho(path, 400, 1) == 0.75);
  }

  TEST_CASE("statistics of a star, of strangers, of empty examples") {
    const Columns star = hypergraph({{0, 1}, {0, 2}, {0, 3}, {}});
    CHECK(statistics(star).delta == 0.75);
    CHECK(sampled_rho(star, 4, 1) == 0.75);
    const Columns strangers = hypergraph({{1}, {2}, {3}, {4}, {5}});
    CHECK(statistics(strangers).delta == 0.2);
    CHECK(statistics(strangers).kappa == doctest::Approx(0.2));
    CHECK(sampled_rho(strangers, 5, 1) == 0.2);
    CHECK(statistics(hypergraph({{}, {}})).omega == 0);
    CHECK(sampled_rho(hypergraph({{}, {}}), 2, 1) == 0);
    CHECK(statistics(Columns()).examples == 0);
  }

  TEST_CASE("rho is that of the worst example, and never below delta, however few are sampled") {
    // The hottest id, 1, is in 3 of 6 examples; {2, 3, 4} meets 4.
    const Columns columns = hypergraph({{1}, {1}, {1, 2}, {2, 3, 4}, {3}, {4}});
    CHECK(statistics(columns).delta == 0.5);
    CHECK(sampled_rho(columns, 6, 1) == 4.0 / 6);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      CHECK(sampled_rho(columns, 1, seed) >= 0.5);
      CHECK(sampled_rho(columns, 3, seed) <= 4.0 / 6);
    }
  }

  TEST_CASE("ids of different spaces differ; dense examples share everything") {
    Columns ratings;
    ratings.width = ratings.spaces = 2;
    ratings.ids = {7, 7, 7, 8, 9, 7, 9, 6};
    ratings.labels = {1, 2, 3, 4};
    const auto found = statistics(ratings);
    CHECK(found.features == 2 + 3);
    CHECK(found.omega == 2);
    CHECK(found.delta == 0.5);
    CHECK(found.kappa == (3 * 0.25 + 2 * 0.0625));
    CHECK(sampled_rho(ratings, 4, 1) == 0.75);

    Columns dense;
    dense.width = 3;
    dense.labels = {1, 1};
    dense.values = {1, 2, 3, 4, 5, 6};
    CHECK(statistics(dense).features == 3);
    CHECK(statistics(dense).omega == 3);
    CHECK(statistics(dense).delta == 1);
    CHECK(statistics(dense).kappa == 3);
    CHECK(sampled_rho(dense, 1, 1) == 1);
  }
}
