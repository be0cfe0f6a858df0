// The mean over ranks: right, the same bits everywhere, and the same bits whatever travels.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include <sounder/mpi/world.hpp>

#include "gossip/stub.hpp"
#include "reduce/mean.hpp"

using namespace sounder::mpi;
using namespace sounder::mpi::test;
using sounder::Layout;

namespace {

struct Means {
  std::vector<std::vector<float>> by_rank;
  std::uint64_t bytes = 0, dense_bytes = 0;  ///< of all ranks
};

/// reduce() on `ranks` ranks; values(rank) gives what each has, weights(rank) how it counts.
Means means_of(int ranks, const Layout& layout, const std::vector<float>& base, const std::function<std::vector<float>(int)>& values,
               const std::function<double(int)>& weights, const MeanReducer::Finish& finish = {}) {
  Means out;
  out.by_rank.resize(static_cast<std::size_t>(ranks));
  std::vector<std::uint64_t> bytes(static_cast<std::size_t>(ranks)), dense(static_cast<std::size_t>(ranks));
  World::run_inproc(ranks, [&](World& world) {
    const auto me = static_cast<std::size_t>(world.rank());
    MeanReducer reducer(world.endpoint(), layout);
    out.by_rank[me] = values(world.rank());
    if (base.empty())
      reducer.reduce(out.by_rank[me], weights(world.rank()));
    else
      reducer.reduce(base, out.by_rank[me], weights(world.rank()), finish);
    bytes[me] = reducer.bytes(), dense[me] = reducer.dense_bytes();
  });
  for (std::size_t rank = 0; rank < bytes.size(); ++rank) out.bytes += bytes[rank], out.dense_bytes += dense[rank];
  for (const auto& mine : out.by_rank) CHECK(std::memcmp(mine.data(), out.by_rank[0].data(), mine.size() * sizeof(float)) == 0);
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// The start weights, some rows of which a rank has moved: one of `every` of the single weights, and one row of 16.
std::vector<float> moved(const Layout& layout, int rank, std::size_t every) {
  auto weights = start_weights(layout);
  for (std::size_t i = static_cast<std::size_t>(rank) % every; i < layout.shape(0).rows; i += every) weights[i] += noise(rank, 1, i);
  for (std::size_t i = 0; i < 16; ++i) weights[layout.shape(0).rows + 16 * (static_cast<std::size_t>(rank) % 3) + i] += noise(rank, 2, i);
  return weights;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("the mean over ranks is the weighted mean, the same bits on every rank") {
    for (const Layout& layout : {small_layout(), small_layout(1), small_layout(300), Layout({{.rows = 1}})})
      for (const int ranks : {1, 2, 3, 5}) {
        const auto values = [&](int rank) {
          auto weights = start_weights(layout);
          for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += noise(rank, 0, i);
          return weights;
        };
        const auto weight = [](int rank) { return rank + 0.5; };
        std::vector<double> expected(values(0).size());
        double total = 0;
        for (int rank = 0; rank < ranks; ++rank) total += weight(rank);
        for (int rank = 0; rank < ranks; ++rank)
          for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += weight(rank) * static_cast<double>(values(rank)[i]) / total;
        CHECK(largest_difference(means_of(ranks, layout, {}, values, weight).by_rank[0], expected) < 1e-6);
      }
  }

  TEST_CASE("one rank's mean is what it has, to the bit") {
    const auto values = [](int) { return std::vector<float>{1e-30f, 3e38f, -0.1f, 7, 1e-42f}; };
    CHECK(same_bits(means_of(1, Layout({{.rows = 5}}), {}, values, [](int) { return 3.; }).by_rank[0], values(0)));
  }

  TEST_CASE("if few rows have moved they alone travel, and the mean has the same bits") {
    const Layout layout = small_layout(400);
    const auto base = start_weights(layout);
    for (const int ranks : {2, 3, 4}) {
      for (const std::size_t every : {1u, 2u, 3u, 50u}) {
        const auto values = [&](int rank) { return moved(layout, rank, every); };
        const auto weight = [](int rank) { return 1. + rank; };
        const Means sparse = means_of(ranks, layout, base, values, weight), dense = means_of(ranks, layout, {}, values, weight);
        CHECK(same_bits(sparse.by_rank[0], dense.by_rank[0]));
        CHECK(dense.bytes == dense.dense_bytes);
        CHECK(sparse.dense_bytes == dense.bytes);
        CHECK(sparse.bytes <= dense.bytes);
        if (every == 50) CHECK(sparse.bytes * 4 < dense.bytes);
      }
    }
  }

  TEST_CASE("a rank of weight 0 does not count, whatever it holds") {
    const Layout layout = small_layout();
    const auto base = start_weights(layout);
    const auto values = [&](int rank) {
      return rank == 1 ? std::vector<float>(base.size(), std::numeric_limits<float>::quiet_NaN()) : moved(layout, 0, 1);
    };
    const auto weight = [](int rank) { return rank == 1 ? 0. : 1.; };
    CHECK(same_bits(means_of(3, layout, base, values, weight).by_rank[1], values(0)));
    CHECK(same_bits(means_of(3, layout, {}, values, weight).by_rank[0], means_of(3, layout, base, values, weight).by_rank[0]));
    CHECK(same_bits(means_of(3, layout, base, values, [](int) { return 0.; }).by_rank[2], base));
    CHECK_THROWS_WITH(means_of(2, layout, {}, values, [](int) { return 0.; }), doctest::Contains("none gave a weight above 0"));
  }

  TEST_CASE("the owner of a slice finishes its rows, each once, and all get the result") {
    const Layout layout = small_layout(20);
    const auto base = start_weights(layout);
    const Means means = means_of(3, layout, base, [&](int) { return base; }, [](int) { return 1.; },
                                 [&](std::size_t table, std::size_t begin, std::span<const float> from, std::span<float> mean) {
                                   for (std::size_t i = 0; i < mean.size(); ++i) {
                                     CHECK(from[i] == base[begin + i]);
                                     mean[i] += static_cast<float>(table + 1);
                                   }
                                 });
    std::vector<double> expected(base.begin(), base.end());
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += i < 20 ? 1 : i < 20 + 48 ? 2 : 3;
    CHECK(largest_difference(means.by_rank[0], expected) < 1e-6);
  }
}
