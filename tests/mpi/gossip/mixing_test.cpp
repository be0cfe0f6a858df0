// How ranks come to agree by averaging with their neighbours, and on what.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include <sounder/data/random.hpp>

#include "protocol/eigenvalues.hpp"
#include "protocol/mixing.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

constexpr double kPi = 3.14159265358979323846;

/// Values of ranks, mixed round by round as gossip without gradients does.
struct Herd {
  std::vector<std::vector<double>> values;  ///< by rank

  Herd(int ranks, std::size_t width, std::uint64_t seed) : values(static_cast<std::size_t>(ranks), std::vector<double>(width)) {
    Random random(seed);
    for (auto& mine : values)
      for (double& x : mine) x = 1 + random.normal();
  }
  void mix(const Shares& shares) {
    const auto before = values;
    for (std::size_t rank = 0; rank < values.size(); ++rank) {
      std::vector<Part<double>> parts;
      for (const Share& share : shares[rank]) parts.push_back({share.weight, before[static_cast<std::size_t>(share.rank)].data()});
      sounder::mpi::mix<double>(parts, values[rank]);
    }
  }
  std::vector<double> mean() const {
    std::vector<double> sum(values[0].size());
    for (const auto& mine : values)
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += mine[i] / static_cast<double>(values.size());
    return sum;
  }
  /// The distance of all from their mean.
  double spread() const {
    const auto centre = mean();
    double sum = 0;
    for (const auto& mine : values)
      for (std::size_t i = 0; i < centre.size(); ++i) sum += (mine[i] - centre[i]) * (mine[i] - centre[i]);
    return std::sqrt(sum);
  }
};

double mean_moved_by(const Shares& shares, int rounds) {
  Herd herd(static_cast<int>(shares.size()), 5, 3);
  const auto before = herd.mean();
  for (int round = 0; round < rounds; ++round) herd.mix(shares);
  const auto after = herd.mean();
  double moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) moved = std::max(moved, std::abs(after[i] / before[i] - 1));
  return moved;
}

/// The mutant: every rank takes the plain mean of itself and those that it hears from, whatever their degrees are.
Shares plain_means(const Topology& topology) {
  Shares shares;
  for (int rank = 0; rank < topology.ranks(); ++rank) {
    const auto sources = topology.sources(rank, 0);
    const double weight = 1 / (1 + static_cast<double>(sources.size()));
    shares.emplace_back(1, Share{rank, weight});
    for (const int source : sources) shares.back().push_back({source, weight});
  }
  return shares;
}

double gap(const std::string& text, int ranks) { return Mixing(Topology::make(text, ranks)).spectral_gap(); }

Topology two_cliques() {
  std::vector<std::array<int, 2>> edges;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < i; ++j) edges.push_back({i, j}), edges.push_back({4 + i, 4 + j});
  return Topology::of_edges("two cliques", 8, edges, true);
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("eigenvalues of matrices whose eigenvalues are known") {
    const std::size_t n = 12;
    std::vector<double> path(n * n);  // 2 on the diagonal, -1 beside it: 2 - 2 cos(k pi / (n + 1))
    for (std::size_t i = 0; i < n; ++i) {
      path[i * n + i] = 2;
      if (i) path[i * n + i - 1] = path[(i - 1) * n + i] = -1;
    }
    // Turned by a reflection, so that it is full.
    std::vector<double> v(n);
    std::iota(v.begin(), v.end(), 1.);
    const double length = std::inner_product(v.begin(), v.end(), v.begin(), 0.);
    const auto reflect = [&](bool rows) {
      for (std::size_t i = 0; i < n; ++i) {
        double along = 0;
        for (std::size_t k = 0; k < n; ++k) along += v[k] * (rows ? path[k * n + i] : path[i * n + k]);
        for (std::size_t k = 0; k < n; ++k) (rows ? path[k * n + i] : path[i * n + k]) -= 2 * along / length * v[k];
      }
    };
    reflect(true), reflect(false);
    const auto values = symmetric_eigenvalues(path, n);
    for (std::size_t k = 0; k < n; ++k)
      CHECK(values[k] == doctest::Approx(2 - 2 * std::cos(static_cast<double>(k + 1) * kPi / (n + 1))).epsilon(1e-13));

    CHECK(symmetric_eigenvalues(std::vector<double>(9), 3) == std::vector<double>(3));
    const auto ones = symmetric_eigenvalues(std::vector<double>(16, 1), 4);  // rank one: 0, 0, 0, 4
    CHECK(std::abs(ones[2]) < 1e-14);
    CHECK(ones[3] == doctest::Approx(4).epsilon(1e-14));
    CHECK(symmetric_eigenvalues({7}, 1)[0] == doctest::Approx(7));
  }

  TEST_CASE("spectral gaps are those of the closed forms") {
    const int sizes[] = {4, 8, 16, 32};
    const double ring[] = {.667, .195, .051, .013}, torus[] = {.667, .500, .400, .117}, cube[] = {.667, .500, .400, .333},
                 star[] = {.250, .125, .063, .031};
    for (int k = 0; k < 4; ++k) {
      const int n = sizes[k];
      CHECK(std::abs(gap("ring", n) - ring[k]) < 5.1e-4);
      CHECK(gap("ring", n) == doctest::Approx((1 - std::cos(2 * kPi / n)) * 2 / 3).epsilon(1e-10));
      CHECK(std::abs(gap("torus", n) - torus[k]) < 5.1e-4);
      CHECK(std::abs(gap("hypercube", n) - cube[k]) < 5.1e-4);
      CHECK(gap("exponential", n) == doctest::Approx(2 / (1 + std::log2(n))).epsilon(1e-6));
      CHECK(std::abs(gap("star", n) - star[k]) < 5.1e-4);
      CHECK(gap("complete", n) == doctest::Approx(1).epsilon(1e-12));
    }
    CHECK(gap("random:3", 4) == doctest::Approx(1).epsilon(1e-12));  // complete
    CHECK(gap("random:3", 32) > 0.02);
    CHECK(std::abs(Mixing(two_cliques()).spectral_gap()) < 1e-12);
  }

  TEST_CASE("one, two and three ranks agree exactly") {
    for (const std::string text : {"ring", "torus", "exponential", "complete"})
      for (const int ranks : {1, 3}) CHECK(gap(text, ranks) == doctest::Approx(1).epsilon(1e-7));
    for (const std::string text : {"ring", "torus", "hypercube", "exponential", "one-peer", "star", "complete", "random:1"})
      CHECK(gap(text, 2) == doctest::Approx(1).epsilon(1e-12));
  }

  TEST_CASE("the gap of many ranks is found too") {
    const int n = test::kThreadSanitizer ? 128 : 512;
    CHECK(gap("ring", n) == doctest::Approx((1 - std::cos(2 * kPi / n)) * 2 / 3).epsilon(1e-6));
  }

  TEST_CASE("rows and columns sum to one") {
    for (const std::string text : {"ring", "torus", "hypercube", "exponential", "one-peer", "star", "complete", "random:5"})
      for (const int ranks : {8, 64}) {
        const Topology topology = Topology::make(text, ranks);
        const Mixing mixing(topology);
        for (std::uint64_t round = 0; round < topology.period(); ++round) CHECK(imbalance(mixing.shares(round)) <= 1e-15 * ranks);
      }
  }

  TEST_CASE("mixing keeps the mean") {
    for (const std::string text : {"ring", "torus", "hypercube", "exponential", "star", "complete", "random:3"})
      CHECK_MESSAGE(mean_moved_by(Mixing(Topology::make(text, 16)).shares(0), 200) < 1e-12, text);
  }

  TEST_CASE("weights that are not doubly stochastic are caught: by their columns, and by the mean that they move") {
    const Shares mutant = plain_means(Topology::make("star", 16));
    CHECK(imbalance(mutant) > 1);
    CHECK(mean_moved_by(mutant, 200) > 1e-3);
    CHECK(imbalance(plain_means(Topology::make("ring", 16))) < 1e-14);  // on a regular graph they are right
  }

  TEST_CASE("ranks come together at the rate that the spectral gap says") {
    for (const std::string text : {"ring", "torus", "hypercube", "exponential", "star", "random:3"}) {
      const Mixing mixing(Topology::make(text, 16));
      Herd herd(16, 40, 5);
      for (int round = 0; round < 10; ++round) herd.mix(mixing.shares(0));  // what falls faster is gone
      const double before = herd.spread();
      const int rounds = 20;
      for (int round = 0; round < rounds; ++round) herd.mix(mixing.shares(0));
      const double rate = std::pow(herd.spread() / before, 1. / rounds);
      CHECK_MESSAGE(std::abs(rate / (1 - mixing.spectral_gap()) - 1) < 0.05, text << ": " << rate);
    }
  }

  TEST_CASE("ranks in two parts never agree, though each part does") {
    const Mixing mixing(two_cliques());
    Herd herd(8, 5, 7);
    herd.mix(mixing.shares(0));
    const double plateau = herd.spread();
    for (int round = 0; round < 200; ++round) herd.mix(mixing.shares(0));
    CHECK(plateau > 0.1);
    CHECK(herd.spread() == doctest::Approx(plateau).epsilon(1e-9));
  }

  TEST_CASE("one-peer averages exactly in log2 rounds if the ranks are a power of two, and only then") {
    for (const int ranks : {2, 4, 8, 6}) {
      const Topology topology = Topology::make("one-peer", ranks);
      const Mixing mixing(topology);
      Herd herd(ranks, 5, 9);
      const double before = herd.spread();
      for (std::uint64_t round = 0; round < topology.period(); ++round) herd.mix(mixing.shares(round));
      CHECK((herd.spread() < 1e-6 * before) == (ranks != 6));
      CHECK((mixing.spectral_gap() > 1 - 1e-7) == (ranks != 6));
    }
  }

  TEST_CASE("the part of who is gone stays with oneself, and what stays behind keeps its mean") {
    const Topology topology = Topology::make("ring", 6);
    const Mixing mixing(topology);
    Shares rest;
    for (int rank = 0; rank < 6; ++rank) {
      rest.push_back(without(mixing.shares(rank, 0), rank, [&](int other) { return other == 2 || rank == 2; }));
      double sum = 0;
      for (const Share& share : rest.back()) sum += share.weight;
      CHECK(sum == doctest::Approx(1).epsilon(1e-15));
    }
    CHECK(rest[1].size() == 2);
    CHECK(rest[1][1].weight == doctest::Approx(2. / 3));
    CHECK(imbalance(rest) < 1e-14);
  }

  TEST_CASE("a mix may write over one of its parts") {
    std::vector<float> a(1500, 1), b(1500, 4);
    mix<float>(std::vector<Part<float>>{{0.75, a.data()}, {0.25, b.data()}}, a);
    CHECK(a == std::vector<float>(1500, 1.75f));
  }
}
