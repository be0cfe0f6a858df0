// Sets loaded on ranks that are threads, seen as a whole so that they can be compared.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>
#include <sounder/mpi/data.hpp>
#include <sounder/mpi/world.hpp>

namespace sounder::test {

/// An example by its original ids.
struct Seen {
  std::size_t position;
  float label;
  std::vector<std::pair<std::uint32_t, float>> entries;  ///< in the order of the rows
  bool operator==(const Seen&) const = default;
};

inline std::vector<Seen> examples_in(const Dataset& data, std::size_t begin, std::size_t end) {
  std::vector<Seen> result;
  for (std::size_t i = begin; i < end; ++i) {
    const Example x = data.examples()[i];
    Seen seen{data.input_position(i), x.label, {}};
    for (std::uint32_t k = 0; k < x.size; ++k) {
      const Numbering& numbering = data.numbering(data.spaces() > 1 ? k : 0);
      const std::uint32_t row = x.ids ? x.ids[k] : k;
      seen.entries.emplace_back(row < numbering.size() ? numbering.original(row) : Numbering::kAbsent, x.values ? x.values[k] : 1.f);
    }
    result.push_back(std::move(seen));
  }
  return result;
}

template <class T>
std::vector<T> list(std::span<const T> values) {
  return {values.begin(), values.end()};
}

inline std::string bits_of(const Sums& sums) {
  std::string bits(sizeof sums, '\0');
  std::memcpy(bits.data(), &sums, sizeof sums);
  return bits;
}

/// What a rank knows of all examples.
struct Known {
  std::vector<std::vector<std::uint32_t>> originals, frequencies;
  std::vector<std::vector<float>> rarities;
  std::vector<float> classes;
  std::string sums, digest, name;
  std::uint64_t examples = 0, nonzeros = 0;
  std::size_t features = 0;
  bool dense = false;

  Known() = default;
  explicit Known(const mpi::SharedSet& set)
      : classes(list(set.data.classes())),
        sums(bits_of(set.data.sums())),
        digest(set.digest),
        name(set.data.name()),
        examples(set.all_examples),
        nonzeros(set.all_nonzeros),
        features(set.data.features()),
        dense(set.data.dense()) {
    for (std::uint32_t space = 0; space < set.data.spaces(); ++space) {
      originals.push_back(list(set.data.numbering(space).originals()));
      frequencies.push_back(list(set.data.frequencies(space)));
      rarities.push_back(list(set.data.rarity(space)));
    }
    CHECK(set.data.all_examples() == set.all_examples);
    CHECK(set.data.digest() == set.digest);
  }
  bool operator==(const Known&) const = default;
};

/// All ranks' shares of a training set.
struct Whole {
  Known known;
  std::vector<std::vector<Seen>> shards;
  bool operator==(const Whole&) const = default;
};

struct Loading {
  std::string source;
  LoadOptions options{};
  PartitionName partition = PartitionName::hash;
  std::uint64_t seed = 1;
  std::vector<std::vector<std::uint32_t>> extra{};
};

/// Loads on `ranks` ranks, of which `workers` train; every rank must know the same.
inline Whole load_whole(const Loading& loading, int ranks, int workers) {
  std::vector<Known> known(static_cast<std::size_t>(ranks));
  std::vector<std::vector<Seen>> shards(mpi::kVirtualShards);
  std::vector<int> owners(mpi::kVirtualShards);
  mpi::World::run_inproc(ranks, [&](mpi::World& world) {
    const mpi::SharedSet set =
        mpi::load_train(world, workers, loading.source, loading.options, loading.partition, loading.seed, loading.extra);
    known[static_cast<std::size_t>(world.rank())] = Known(set);
    REQUIRE(set.shard_begins.back() == set.data.size());
    if (world.rank() >= workers) CHECK(set.data.size() == 0);
    for (std::size_t s = 0; s + 1 < set.shard_begins.size(); ++s) {
      const auto number = static_cast<std::size_t>(set.first_shard) + s;
      shards[number] = examples_in(set.data, set.shard_begins[s], set.shard_begins[s + 1]);
      ++owners[number];
    }
  });
  CHECK(owners == std::vector<int>(mpi::kVirtualShards, 1));
  for (const Known& other : known) CHECK(other == known[0]);
  return {known[0], std::move(shards)};
}
inline Whole load_whole(const Loading& loading, int ranks) { return load_whole(loading, ranks, ranks); }

/// What each rank throws; all must throw. `load(world)` returns nothing of interest.
inline std::vector<std::string> errors_of(int ranks, const std::function<void(mpi::World&)>& load) {
  std::vector<std::string> errors(static_cast<std::size_t>(ranks));
  mpi::World::run_inproc(ranks, [&](mpi::World& world) {
    try {
      load(world);
    } catch (const Error& error) {
      errors[static_cast<std::size_t>(world.rank())] = error.what();
    }
  });
  return errors;
}

/// libsvm text with comments, blank lines and values of any size; labels -1 and +1.
inline std::string some_text(std::uint64_t seed, int lines, bool ones = false) {
  Random random(seed);
  std::string text;
  for (int i = 0; i < lines; ++i) {
    if (random.below(10) == 0) text += random.below(2) ? "# 1:2\n" : " \n";
    text += random.below(2) ? "+1" : "-1";
    std::uint64_t id = 0;
    for (std::uint64_t left = random.below(12); left > 0; --left) {
      id += 1 + random.below(1 + random.below(40));
      text += ones ? fmt::format(" {}:1", id) : fmt::format(" {}:{:.6g}", id, 3 * random.normal());
    }
    text += '\n';
  }
  return text;
}

}  // namespace sounder::test
