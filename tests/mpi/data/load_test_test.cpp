// Held-out data on several ranks: parts in input order, seen as the training set numbers them.
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "data/files.hpp"
#include "mpi/data/sets.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

struct Parts {
  std::vector<Seen> all;  ///< one part after the other
  std::vector<std::size_t> sizes;
  std::string digest;
};

Parts load_parts(const Loading& loading, const std::string& test, int ranks, int workers) {
  std::vector<std::vector<Seen>> by_rank(static_cast<std::size_t>(ranks));
  std::vector<std::string> digests(static_cast<std::size_t>(ranks));
  mpi::World::run_inproc(ranks, [&](mpi::World& world) {
    const auto train = mpi::load_train(world, workers, loading.source, loading.options, loading.partition, loading.seed);
    const auto part = mpi::load_test(world, workers, test, loading.options, train);
    CHECK(part.shard_begins == std::vector<std::size_t>{0, part.data.size()});
    CHECK(part.data.all_examples() == train.all_examples);
    by_rank[static_cast<std::size_t>(world.rank())] = examples_in(part.data, 0, part.data.size());
    digests[static_cast<std::size_t>(world.rank())] = part.digest + fmt::format(" {}", part.all_examples);
  });
  Parts parts;
  parts.digest = digests[0];
  for (const auto& part : by_rank) {
    parts.sizes.push_back(part.size());
    parts.all.insert(parts.all.end(), part.begin(), part.end());
  }
  for (const std::string& digest : digests) CHECK(digest == parts.digest);
  return parts;
}

void same_for_all(const Loading& loading, const std::string& test) {
  const Dataset alone = Dataset::test(load(test, loading.options), Dataset::train(load(loading.source, loading.options)));
  const Parts one = load_parts(loading, test, 1, 1);
  CHECK(one.all == examples_in(alone, 0, alone.size()));
  for (const int ranks : {2, 3, 5, 8}) {
    const Parts parts = load_parts(loading, test, ranks, ranks);
    CHECK(parts.all == one.all);
    CHECK(parts.digest == one.digest);
    for (const std::size_t size : parts.sizes) CHECK(size < alone.size());
  }
  const Parts parts = load_parts(loading, test, 5, 2);
  CHECK(parts.all == one.all);
  CHECK(parts.sizes[2] + parts.sizes[3] + parts.sizes[4] == 0);
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("held-out examples stand in parts as in the input") {
    const TempFile train(some_text(1, 200)), test(some_text(2, 150));
    same_for_all({.source = train.path()}, test.path());
    same_for_all({.source = "synthetic:dense,examples=50,features=5"}, "synthetic:dense,examples=30,features=5,part=test");
    same_for_all({.source = "synthetic:cold,examples=50,features=90"}, "synthetic:cold,examples=30,features=95,part=test");
    same_for_all({.source = "synthetic:netflix,examples=80,users=30,items=30", .options = {.format = Format::ratings}},
                 "synthetic:netflix,examples=60,users=30,items=40,part=test");
  }

  TEST_CASE("held-out classes are those of the training set; another is refused on all ranks") {
    std::string text, more;
    for (int i = 0; i < 60; ++i) text += fmt::format("{} {}:1\n", i % 3 ? 5 : i % 2 ? 8 : 2, i % 7);
    for (int i = 0; i < 60; ++i) more += fmt::format("{} {}:1\n", i == 41 ? 7 : 8, i % 9);
    const TempFile train(text), test("8 1:2\n5 3:1\n8 3:1\n2\n5\n8 99:1\n5 1:1\n8 1:3\n2 3:1\n"), other(more);
    const LoadOptions classes{.format = Format::multiclass};
    same_for_all({.source = train.path(), .options = classes}, test.path());
    for (const int ranks : {1, 3})
      for (const std::string& error : errors_of(ranks, [&](mpi::World& world) {
             const auto set = mpi::load_train(world, world.size(), train.path(), classes, PartitionName::hash, 1);
             (void)mpi::load_test(world, world.size(), other.path(), classes, set);
           }))
        CHECK(contains(error, "example 42 has the label 7, which "));
  }
}
