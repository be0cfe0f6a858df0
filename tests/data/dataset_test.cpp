// Dataset: renumbering, order, test sets, digests.
#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/dataset.hpp>
#include <sounder/data/generate.hpp>
#include <sounder/data/random.hpp>

#include "data/files.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

using Ids = std::vector<std::uint32_t>;
using Floats = std::vector<float>;
using Entries = std::map<std::uint32_t, float>;

Columns sparse(std::vector<std::uint64_t> offsets, Ids ids, Floats values, Floats labels) {
  Columns columns;
  columns.name = "made";
  columns.offsets = std::move(offsets);
  columns.ids = std::move(ids);
  columns.values = std::move(values);
  columns.labels = std::move(labels);
  return columns;
}

/// Ids 7 (three times), 9 (twice), 2 (once).
Columns small() { return sparse({0, 2, 5, 5, 6}, {9, 7, 2, 7, 9, 7}, {1, 2, 3, 4, 5, 6}, {1, -1, 1, -1}); }

Columns ratings(Ids ids, Floats labels) {
  Columns columns;
  columns.name = "rated";
  columns.ids = std::move(ids);
  columns.labels = std::move(labels);
  columns.width = columns.spaces = 2;
  return columns;
}

/// An example of a dataset by its original ids.
Entries original(const Dataset& data, const Example& example) {
  Entries entries;
  for (std::uint32_t k = 0; k < example.size; ++k)
    entries[data.numbering().original(example.ids ? example.ids[k] : k)] = example.values ? example.values[k] : 1.f;
  return entries;
}

Entries original(const Columns& columns, std::size_t i) {
  Entries entries;
  const std::size_t begin = columns.offsets.empty() ? i * columns.width : columns.offsets[i];
  const std::size_t end = columns.offsets.empty() ? begin + columns.width : columns.offsets[i + 1];
  for (std::size_t k = begin; k < end; ++k)
    entries[columns.ids.empty() ? static_cast<std::uint32_t>(k - begin) : columns.ids[k]] =
        columns.values.empty() ? 1.f : columns.values[k];
  return entries;
}

/// Whether a dataset holds the examples of `columns`, each where its input position says, ids ascending.
bool holds(const Dataset& data, const Columns& columns) {
  std::set<std::size_t> seen;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const Example example = data.examples()[i];
    const std::size_t from = data.input_position(i);
    seen.insert(from);
    if (example.label != columns.labels[from] || original(data, example) != original(columns, from)) return false;
    if (example.ids && !std::is_sorted(example.ids, example.ids + example.size)) return false;
  }
  return seen.size() == columns.examples();
}

Ids frequencies(const Dataset& data, std::uint32_t space = 0) {
  return {data.frequencies(space).begin(), data.frequencies(space).end()};
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("training sets: hottest first, every example once") {
    const Dataset data = Dataset::train(small(), 1);
    CHECK(data.name() == "made");
    CHECK(data.size() == 4);
    CHECK(data.nonzeros() == 6);
    CHECK(data.features() == 3);
    CHECK_FALSE(data.dense());
    CHECK(frequencies(data) == Ids{3, 2, 1});
    CHECK(data.numbering().original(0) == 7);
    CHECK(data.numbering().original(2) == 2);
    CHECK(holds(data, small()));
  }

  TEST_CASE("extra ids get rows behind the others") {
    const Dataset data = Dataset::train(small(), 1, {{100, 9, 4}});
    CHECK(data.features() == 5);
    CHECK(frequencies(data) == Ids{3, 2, 1, 0, 0});
    CHECK(data.numbering().row_of(4) == 3);
    CHECK(data.numbering().row_of(100) == 4);
    CHECK(holds(data, small()));
  }

  TEST_CASE("large sets of every shape keep their examples") {
    for (const char* name : {"rcv1", "zipf", "cold", "dense"}) {
      CAPTURE(name);
      const Columns columns = generate(name, {{"examples", 3000}});
      const Dataset data = Dataset::train(columns, 5);
      CHECK(holds(data, columns));
      CHECK(data.dense() == (std::string_view(name) == "dense"));
      CHECK(std::is_sorted(data.frequencies().rbegin(), data.frequencies().rend()));
      const Dataset test = Dataset::test(columns, data);
      CHECK(test.input_position(7) == 7);
      CHECK(holds(test, columns));
      CHECK(test.digest() == data.digest());
    }
  }

  TEST_CASE("texts of any length are sorted: short ones, long ones, many features") {
    Random random(9);
    for (const std::uint32_t features : {3u, 300u, 70000u, 4000000000u}) {
      Columns columns = sparse({0}, {}, {}, {});
      for (int i = 0; i < 40; ++i) {
        std::set<std::uint32_t> ids;
        for (std::uint64_t left = random.below(i % 10 == 0 ? 3000 : 30); left > 0; --left)
          ids.insert(static_cast<std::uint32_t>(random.below(features)));
        for (const std::uint32_t id : ids) {
          columns.ids.push_back(id);
          columns.values.push_back(static_cast<float>(random.normal()));
        }
        columns.offsets.push_back(columns.ids.size());
        columns.labels.push_back(static_cast<float>(i));
      }
      CHECK(holds(Dataset::train(columns, 1), columns));
      columns.values.clear();
      CHECK(holds(Dataset::train(columns, 1), columns));
    }
  }

  TEST_CASE("the order is drawn from the seed, evenly") {
    const auto order = [](std::uint64_t seed) {
      const Dataset data = Dataset::train(small(), seed);
      std::vector<std::size_t> positions;
      for (std::size_t i = 0; i < data.size(); ++i) positions.push_back(data.input_position(i));
      return positions;
    };
    CHECK(order(3) == order(3));
    std::map<std::vector<std::size_t>, int> counts;
    for (std::uint64_t seed = 0; seed < 2400; ++seed) ++counts[order(seed)];
    CHECK(counts.size() == 24);
    for (const auto& [positions, count] : counts) CHECK(std::abs(count - 100) < 50);  // 5 standard deviations
  }

  TEST_CASE("test sets: input order, unknown ids dropped") {
    const Dataset train = Dataset::train(small(), 1);
    const Dataset test = Dataset::test(sparse({0, 3, 4, 4},
                                              {
                                                  8,
                                                  9,
                                                  7,
                                                  1,
                                              },
                                              {1, 2, 3, 4}, {1, 1, -1}),
                                       train);
    CHECK(test.size() == 3);
    CHECK(test.nonzeros() == 2);
    CHECK(original(test, test.examples()[0]) == Entries{{9, 2.f}, {7, 3.f}});
    CHECK(test.examples()[0].ids[0] == 0);
    CHECK(test.examples()[1].size == 0);
    CHECK(test.examples()[2].size == 0);
    CHECK(test.features() == train.features());
    CHECK(frequencies(test) == frequencies(train));
    CHECK(test.digest() != train.digest());
    // Constant width, values absent, everything unknown.
    Columns columns;
    columns.width = 2;
    columns.ids = {50, 51, 7, 52};
    columns.labels = {1, -1};
    const Dataset narrow = Dataset::test(columns, train);
    CHECK(narrow.examples()[0].size == 0);
    CHECK(narrow.examples()[1].size == 1);
    CHECK(narrow.examples()[1].values == nullptr);
    columns.ids = {50, 51, 53, 52};
    CHECK(Dataset::test(columns, train).nonzeros() == 0);
  }

  TEST_CASE("ratings: two id spaces, [user, item], unknown ones behind the last row") {
    const Columns columns = ratings({5, 5, 5, 6, 8, 6, 5, 7}, {1, 2, 3, 4});
    const Dataset train = Dataset::train(columns, 2, {{}, {9}});
    CHECK(train.spaces() == 2);
    CHECK(train.features() == 2 + 4);
    CHECK(frequencies(train, 0) == Ids{3, 1});
    CHECK(frequencies(train, 1) == Ids{2, 1, 1, 0});
    for (std::size_t i = 0; i < train.size(); ++i) {
      const Example example = train.examples().fixed<2>(i);
      const std::size_t from = train.input_position(i);
      CHECK(train.numbering(0).original(example.ids[0]) == columns.ids[2 * from]);
      CHECK(train.numbering(1).original(example.ids[1]) == columns.ids[2 * from + 1]);
      CHECK(example.label == columns.labels[from]);
    }
    const Dataset test = Dataset::test(ratings({8, 1, 1, 6}, {3, 4}), train);
    CHECK(test.examples()[0].ids[0] == 1);
    CHECK(test.examples()[0].ids[1] == 4);
    CHECK(test.examples()[1].ids[0] == 2);
    CHECK(test.examples()[1].ids[1] == 0);
  }

  TEST_CASE("the digest tells order, ids, values and labels, not the seed") {
    const std::string digest = Dataset::train(small(), 1).digest();
    CHECK(digest.size() == 16);
    CHECK(digest.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(Dataset::train(small(), 2).digest() == digest);
    Columns changed[5] = {small(), small(), small(), small(), small()};
    std::swap(changed[0].ids[0], changed[0].ids[1]);
    changed[1].values[0] = 9;
    changed[2].labels[0] = -1;
    changed[3].offsets[1] = 1;
    changed[4].values.clear();
    for (const Columns& columns : changed) CHECK(Dataset::train(columns, 1).digest() != digest);
  }

  TEST_CASE("sets that do not fit together are refused") {
    const Dataset train = Dataset::train(small(), 1), dense = Dataset::train(generate("dense", {{"examples", 10}}), 1);
    const auto refused = [](const Columns& columns, const Dataset& of) {
      return message_of([&] { (void)Dataset::test(columns, of); });
    };
    CHECK(contains(refused(ratings({1, 2}, {3}), train), "rated: holds ratings where the training set does not"));
    CHECK(contains(refused(generate("dense", {{"examples", 10}}), train), "is dense where the training set is not"));
    CHECK(
        contains(refused(generate("dense", {{"examples", 10}, {"features", 3}}), dense), "another number of features"));
    Columns none;
    none.name = "none";
    CHECK(contains(message_of([&] { (void)Dataset::train(none, 1); }), "none: there are no examples"));
    Columns broken = small();
    broken.ids.pop_back();
    CHECK(contains(message_of([&] { (void)Dataset::train(broken, 1); }), "made: `ids` needs one entry a nonzero"));
  }
}
