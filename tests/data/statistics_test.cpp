// Statistics: hypergraphs small enough to count by hand, and a naive count of random ones.
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/generate.hpp>
#include <sounder/data/random.hpp>
#include <sounder/data/statistics.hpp>

using namespace sounder;

namespace {

using Ids = std::vector<std::uint32_t>;

Columns hypergraph(const std::vector<Ids>& edges) {
  Columns columns;
  columns.offsets = {0};
  for (const auto& edge : edges) {
    columns.ids.insert(columns.ids.end(), edge.begin(), edge.end());
    columns.offsets.push_back(columns.ids.size());
    columns.labels.push_back(1);
  }
  return columns;
}

Columns ratings(Ids ids) {
  Columns columns;
  columns.width = columns.spaces = 2;
  columns.labels.assign(ids.size() / 2, 1);
  columns.ids = std::move(ids);
  return columns;
}

Columns random_set(Random& random) {
  const std::size_t examples = 1 + random.below(40);
  const std::uint64_t ids = 1 + random.below(60);
  if (random.below(3) == 0) {
    Ids pairs;
    for (std::size_t k = 0; k < 2 * examples; ++k) pairs.push_back(static_cast<std::uint32_t>(random.below(ids)));
    return ratings(pairs);
  }
  std::vector<Ids> edges(examples);
  for (Ids& edge : edges) {
    std::set<std::uint32_t> chosen;
    for (std::uint64_t left = random.below(6); left > 0; --left)
      chosen.insert(static_cast<std::uint32_t>(random.below(1 + random.below(ids))));
    edge.assign(chosen.begin(), chosen.end());
  }
  return hypergraph(edges);
}

/// (id space, id) of every entry of an example.
std::vector<std::pair<std::uint32_t, std::uint32_t>> entries(const Columns& columns, std::size_t i) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> result;
  const std::size_t begin = columns.offsets.empty() ? i * columns.width : columns.offsets[i];
  const std::size_t end = columns.offsets.empty() ? begin + columns.width : columns.offsets[i + 1];
  for (std::size_t k = begin; k < end; ++k)
    result.emplace_back(columns.spaces > 1 ? static_cast<std::uint32_t>(k - begin) : 0, columns.ids[k]);
  return result;
}

/// By definition, over all pairs of examples. `meet(a, b, i, j)` says how often examples i and j meet.
template <class Meet>
Conflicts naive(const Columns& columns, const Meet& meet) {
  Conflicts result{0, 0, columns.examples()};
  const auto count = static_cast<double>(columns.examples());
  for (std::size_t i = 0; i < columns.examples(); ++i) {
    std::size_t met = 0;
    for (std::size_t j = 0; j < columns.examples(); ++j) met += meet(entries(columns, i), entries(columns, j), i == j);
    result.rho = std::max(result.rho, static_cast<double>(met) / count);
    result.mean += static_cast<double>(met) / count / count;
  }
  return result;
}

template <class Entries>
std::size_t shared(const Entries& a, const Entries& b) {
  std::size_t count = 0;
  for (const auto& entry : a) count += std::find(b.begin(), b.end(), entry) != b.end() ? 1 : 0;
  return count;
}

/// Whether `meet` gives what the library finds, on every one of many random sets.
template <class Meet>
bool agrees(const Meet& meet) {
  Random random(7);
  for (int i = 0; i < 300; ++i) {
    const Columns columns = random_set(random);
    const Conflicts found = conflicts(columns), expected = naive(columns, meet);
    if (found.sampled != columns.examples() || found.rho != expected.rho) return false;
    if (std::abs(found.mean - expected.mean) > 1e-12) return false;
  }
  return true;
}

double rho(const Columns& columns) { return conflicts(columns).rho; }

bool same(const Hot& a, const Hot& b) { return a.space == b.space && a.id == b.id && a.frequency == b.frequency; }

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
    CHECK(found.mean_nonzeros == 2.25);
    CHECK(rho(path) == 0.75);
    CHECK(conflicts(path).mean == (2 + 3 + 3 + 2) / 16.0);
  }

  TEST_CASE("statistics of a star, of strangers, of empty examples") {
    const Columns star = hypergraph({{0, 1}, {0, 2}, {0, 3}, {}});
    CHECK(statistics(star).delta == 0.75);
    CHECK(rho(star) == 0.75);
    CHECK(conflicts(star).mean == 9.0 / 16);
    const Columns strangers = hypergraph({{1}, {2}, {3}, {4}, {5}});
    CHECK(statistics(strangers).delta == 0.2);
    CHECK(statistics(strangers).kappa == doctest::Approx(0.2));
    CHECK(rho(strangers) == 0.2);
    CHECK(conflicts(strangers).mean == doctest::Approx(0.2));
    CHECK(statistics(hypergraph({{}, {}})).omega == 0);
    CHECK(rho(hypergraph({{}, {}})) == 0);
    CHECK(statistics(Columns()).examples == 0);
    CHECK(conflicts(Columns()).sampled == 0);
  }

  TEST_CASE("rho is that of the worst example, and never below delta, however few are sampled") {
    // The hottest id, 1, is in 3 of 6 examples; {2, 3, 4} meets 4.
    const Columns columns = hypergraph({{1}, {1}, {1, 2}, {2, 3, 4}, {3}, {4}});
    CHECK(statistics(columns).delta == 0.5);
    CHECK(rho(columns) == 4.0 / 6);
    std::set<double> means;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const Conflicts one = conflicts(columns, seed, 1), three = conflicts(columns, seed, 11);  // all of them take 21
      CHECK(one.sampled == 1);
      CHECK(one.rho >= 0.5);
      CHECK(three.sampled == 3);
      CHECK(three.rho <= 4.0 / 6);
      means.insert(one.mean);
    }
    CHECK(means == std::set<double>{2.0 / 6, 3.0 / 6, 4.0 / 6});  // any example may be drawn, also colder ones
    CHECK(conflicts(columns, 1, 21).sampled == 6);
    CHECK(conflicts(columns, 1, 20).sampled == 5);
  }

  TEST_CASE("conflicts agree with their definition over all pairs, which mutants of it do not") {
    CHECK(agrees([](const auto& a, const auto& b, bool) { return std::size_t{shared(a, b) > 0}; }));
    CHECK_FALSE(agrees([](const auto& a, const auto& b, bool self) { return std::size_t{!self && shared(a, b) > 0}; }));
    CHECK_FALSE(
        agrees([](const auto& a, const auto& b, bool) { return shared(a, b); }));  // twice if they share two ids
    CHECK_FALSE(agrees([](auto a, auto b, bool) {                                  // a user is no item, whatever the id
      for (auto* entries : {&a, &b})
        for (auto& entry : *entries) entry.first = 0;
      return std::size_t{shared(a, b) > 0};
    }));
  }

  TEST_CASE("rho >= delta, unlike in the paper's row of RCV1, and kappa bounds the mean") {
    Random random(8);
    for (int i = 0; i < 200; ++i) {
      const Columns columns = random_set(random);
      const Statistics found = statistics(columns);
      for (const std::size_t work : {std::size_t{1}, std::size_t{100}, std::size_t{1} << 27})
        CHECK(conflicts(columns, 3, work).rho >= found.delta);
      CHECK(conflicts(columns).mean <= found.kappa + 1e-12);  // one or more shared ids are one conflict
    }
    const Columns text = generate("rcv1", {{"examples", 4000}});
    CHECK(statistics(text).delta < 0.46);
    CHECK(rho(text) > 0.95);
    const Conflicts few = conflicts(text, 1, 1 << 20), all = conflicts(text, 1, std::size_t{1} << 40);
    CHECK(few.sampled < 400);
    CHECK(all.sampled == 4000);
    CHECK(few.rho <= all.rho);
    CHECK(std::abs(few.mean - all.mean) < 0.1);
  }

  TEST_CASE("the hottest ids, by their frequency in the input, and the exponent of their law") {
    const auto often = [](const std::vector<std::uint32_t>& frequencies) {  // id 100 - k is frequencies[k] times there
      std::vector<Ids> edges;
      for (std::uint32_t k = 0; k < frequencies.size(); ++k)
        for (std::uint32_t n = 0; n < frequencies[k]; ++n) edges.push_back({100 - k});
      return statistics(hypergraph(edges));
    };
    const Statistics law = often({840, 420, 280, 210, 168, 140, 120, 105});  // 840 / rank
    CHECK(law.zipf == doctest::Approx(1).epsilon(1e-12));
    REQUIRE(law.hottest.size() == 8);
    for (std::uint32_t k = 0; k < 8; ++k) CHECK(same(law.hottest[k], {0, 100 - k, 840 / (k + 1)}));
    CHECK(often({3600, 900, 400, 225, 144, 100}).zipf == doctest::Approx(2).epsilon(1e-12));  // 3600 / rank^2
    CHECK(often({3600, 900, 400, 225, 144, 100, 9, 8, 1}).zipf ==
          doctest::Approx(2).epsilon(1e-12));  // behind the head
    CHECK(often({3600, 900, 400, 225, 144, 100, 80}).zipf < 2 - 1e-3);
    CHECK(often({20, 20, 20}).zipf == 0);
    CHECK(often({20}).zipf == 0);
    CHECK(often({2, 1}).zipf == 0);
    CHECK(often(Ids(15, 11)).hottest.size() == 10);
    CHECK(same(often({11, 12, 12}).hottest[0], {0, 98, 12}));  // of equals, the smaller id first
    CHECK(statistics(generate("zipf", {{"examples", 5000}, {"exponent", 1.5}})).zipf >
          statistics(generate("zipf", {{"examples", 5000}, {"exponent", 0.8}})).zipf + 0.4);
    CHECK(statistics(generate("cold")).zipf < 0.2);
  }

  TEST_CASE("ids of different spaces differ; dense examples share everything") {
    const Columns rated = ratings({7, 7, 7, 8, 9, 7, 9, 6});
    const auto found = statistics(rated);
    CHECK(found.features == 2 + 3);
    CHECK(found.omega == 2);
    CHECK(found.delta == 0.5);
    CHECK(found.kappa == (3 * 0.25 + 2 * 0.0625));
    CHECK(rho(rated) == 0.75);
    CHECK(conflicts(rated).mean == (3 + 2 + 3 + 2) / 16.0);
    CHECK(found.hottest.size() == 5);
    CHECK(same(found.hottest[0], {0, 7, 2}));
    CHECK(same(found.hottest[1], {0, 9, 2}));
    CHECK(same(found.hottest[2], {1, 7, 2}));
    CHECK(same(found.hottest[3], {1, 6, 1}));

    Columns dense;
    dense.width = 3;
    dense.labels = {1, 1};
    dense.values = {1, 2, 3, 4, 5, 6};
    CHECK(statistics(dense).features == 3);
    CHECK(statistics(dense).omega == 3);
    CHECK(statistics(dense).delta == 1);
    CHECK(statistics(dense).kappa == 3);
    CHECK(statistics(dense).mean_nonzeros == 3);
    CHECK(statistics(dense).zipf == 0);
    CHECK(same(statistics(dense).hottest[2], {0, 2, 2}));
    CHECK(rho(dense) == 1);
    CHECK(conflicts(dense).mean == 1);
    CHECK(conflicts(dense).sampled == 2);
  }
}
