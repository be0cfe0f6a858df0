// Training sets on several ranks: the same shards and the same knowledge for any number of ranks.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/data/census.hpp>

#include "data/files.hpp"
#include "data/shards.hpp"
#include "mpi/data/sets.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr int kLines = kThreadSanitizer ? 150 : 600;
constexpr LoadOptions kRatings{.format = Format::ratings}, kMulticlass{.format = Format::multiclass};

/// Loads with any number of ranks, compares, and compares with what one process makes of the set.
Whole same_for_all(const Loading& loading) {
  const Whole expected = load_whole(loading, 1);
  for (const int ranks : {2, 3, 4, 5, 8}) {
    CAPTURE(ranks);
    CHECK(load_whole(loading, ranks) == expected);
  }
  CHECK(load_whole(loading, 5, 3) == expected);
  CHECK(load_whole(loading, 3, 1) == expected);

  const Dataset alone = Dataset::train(load(loading.source, loading.options), 1, loading.extra);
  CHECK(expected.known.examples == alone.size());
  CHECK(expected.known.nonzeros == alone.nonzeros());
  CHECK(expected.known.classes == list(alone.classes()));
  CHECK(expected.known.dense == alone.dense());
  CHECK(expected.known.name == alone.name());
  for (std::uint32_t space = 0; space < alone.spaces(); ++space) {
    CHECK(expected.known.originals[space] == list(alone.numbering(space).originals()));
    CHECK(expected.known.frequencies[space] == list(alone.frequencies(space)));
    CHECK(expected.known.rarities[space] == list(alone.rarity(space)));
  }
  std::vector<Seen> together, in_one = examples_in(alone, 0, alone.size());
  for (const auto& shard : expected.shards) together.insert(together.end(), shard.begin(), shard.end());
  const auto by_position = [](const Seen& a, const Seen& b) { return a.position < b.position; };
  std::sort(together.begin(), together.end(), by_position);
  std::sort(in_one.begin(), in_one.end(), by_position);
  CHECK(together == in_one);
  return expected;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("shards belong to workers in ranges that cover them") {
    for (int workers = 1; workers <= 100; ++workers) {
      CHECK(mpi::first_shard_of(workers, workers) == std::max(mpi::kVirtualShards, workers));
      for (int shard = 0; shard < mpi::shards_of(workers); ++shard) {
        const int owner = mpi::owner_of(shard, workers);
        CHECK(mpi::first_shard_of(owner, workers) <= shard);
        CHECK(shard < mpi::first_shard_of(owner + 1, workers));
      }
    }
  }

  TEST_CASE("text is dealt alike to any number of ranks: blank lines, comments, no newline at the end") {
    std::string text = some_text(3, kLines);
    text.pop_back();
    const TempFile plain(text), gzip(gzipped(text), ".gz"), xz(xzipped(text), ".xz");
    const Whole whole = same_for_all({.source = plain.path()});
    for (const std::string& path : {gzip.path(), xz.path()}) {
      Whole other = load_whole({.source = path}, 3);
      other.known.name = whole.known.name;
      CHECK(other == whole);
    }
    same_for_all({.source = plain.path(), .partition = PartitionName::range});
    same_for_all({.source = plain.path(), .options = {.normalize = NormalizeName::l2}});
    same_for_all({.source = plain.path(), .extra = {{5, 1000000, 999999}}});
  }

  TEST_CASE("a seed gives another order in a shard, and the same examples; the digest tells neither seed nor partition") {
    const TempFile file(some_text(4, kLines));
    Whole one = load_whole({.source = file.path()}, 2), other = load_whole({.source = file.path(), .seed = 2}, 2);
    CHECK(one.shards != other.shards);
    for (auto* whole : {&one, &other})
      for (auto& shard : whole->shards)
        std::sort(shard.begin(), shard.end(), [](const Seen& a, const Seen& b) { return a.position < b.position; });
    CHECK(one.shards == other.shards);
    const Whole ranges = load_whole({.source = file.path(), .partition = PartitionName::range}, 2);
    CHECK(ranges.shards != one.shards);
    CHECK(ranges.known.digest == one.known.digest);
    CHECK(other.known.digest == one.known.digest);
  }

  TEST_CASE("every example counts in the digest, at its place") {
    const auto digest = [](const std::string& text) { return load_whole({.source = TempFile(text).path()}, 3).known.digest; };
    const std::string text = "1 1:2 3:4\n-1 2:5\n1 1:2 4:4\n-1\n", given = digest(text);
    for (const char* other : {"1 1:2 3:4\n-1 2:5\n1 1:2 4:4\n1\n", "1 1:2 3:4\n-1 2:6\n1 1:2 4:4\n-1\n",
                              "-1 2:5\n1 1:2 3:4\n1 1:2 4:4\n-1\n", "1 1:2 3:4\n-1 2:5\n1 1:2 5:4\n-1\n"})
      CHECK(digest(other) != given);
    CHECK(digest("# other lines\n" + text + "\n") == given);
  }

  TEST_CASE("generated sets of every kind are dealt alike to any number of ranks") {
    const std::string size = fmt::format(",examples={}", kLines);
    same_for_all({.source = "synthetic:zipf,features=500,nonzeros=20" + size});
    same_for_all({.source = "synthetic:cold,features=300" + size});
    same_for_all({.source = "synthetic:dense,features=7" + size});
    same_for_all({.source = "synthetic:netflix,users=50,items=60" + size, .options = kRatings});
    same_for_all({.source = "synthetic:grid-cut,width=20,height=11", .options = {.format = Format::cut}});
  }

  TEST_CASE("ratings under a header are dealt alike to any number of ranks") {
    Random random(8);
    std::string text = "# made\nuser,item,rating\n";
    for (int i = 0; i < kLines; ++i) text += fmt::format("{},{},{:.1f}\n", random.below(40), random.below(30), random.uniform() * 5);
    const TempFile file(text);
    same_for_all({.source = file.path(), .options = kRatings});
  }

  TEST_CASE("values are left out if all of them are 1, on all ranks or on none") {
    const std::string ones = some_text(5, kLines, true);
    const TempFile all(ones), but_one(ones + "1 1:2\n");
    same_for_all({.source = all.path()});
    same_for_all({.source = but_one.path()});
    for (const int ranks : {1, 4})
      mpi::World::run_inproc(ranks, [&](mpi::World& world) {
        const auto valued = [&](const TempFile& file) {
          return mpi::load_train(world, world.size(), file.path(), {}, PartitionName::hash, 1).data.examples().values != nullptr;
        };
        CHECK_FALSE(valued(all));
        CHECK(valued(but_one));
      });
  }

  TEST_CASE("classes are those of the whole set, wherever they occur") {
    std::string text;
    for (int i = 0; i < 200; ++i) text += fmt::format("{} {}:1\n", i < 100 ? 7 : i < 190 ? -3 : i, i % 9);
    const TempFile file(text);
    const Whole whole = same_for_all({.source = file.path(), .options = kMulticlass});
    CHECK(whole.known.classes.size() == 12);
    CHECK(whole.known.classes.front() == -3);
  }

  TEST_CASE("by hash a file sorted by label leaves every rank both labels; by range it does not") {
    std::string text;
    for (int i = 0; i < 2000; ++i) text += i < 1000 ? "1 1:1 2:3\n" : "-1 1:1 3:3\n";
    const TempFile file(text);
    const auto shares = [&](PartitionName partition) {
      std::vector<double> positive(4);
      mpi::World::run_inproc(4, [&](mpi::World& world) {
        const auto set = mpi::load_train(world, 4, file.path(), {}, partition, 1);
        const auto labels = set.data.labels();
        positive[static_cast<std::size_t>(world.rank())] =
            static_cast<double>(std::count(labels.begin(), labels.end(), 1.f)) / static_cast<double>(labels.size());
      });
      return positive;
    };
    for (const double share : shares(PartitionName::hash)) CHECK(std::abs(share - 0.5) < 0.1);
    const auto sorted = shares(PartitionName::range);
    CHECK(sorted.front() == 1);
    CHECK(sorted.back() == 0);
  }

  TEST_CASE("fewer examples than ranks, and fewer than shards") {
    for (const char* text : {"1 1:2\n", "1 1:2\n-1 3:4\n-1 5:6", "1\n-1\n\n\n1\n", "1 1:2 3:4\n-1\n-1\n1\n-1\n1\n"}) {
      CAPTURE(text);
      const TempFile file(text);
      same_for_all({.source = file.path()});
      same_for_all({.source = file.path(), .partition = PartitionName::range});
    }
  }

  TEST_CASE("the comparison would notice sums in the order of the ranks, and ranks that count for themselves") {
    const TempFile file(some_text(3, kLines));
    const Columns columns = load(file.path());
    const Dataset alone = Dataset::train(columns, 1);
    int other_sums = 0, other_numbers = 0;
    for (const std::size_t ranks : {2u, 3u, 4u, 5u, 8u}) {
      Sums sums;
      for (std::size_t r = 0; r < ranks; ++r)
        sums.add(sums_of(columns, columns.examples() * r / ranks, columns.examples() * (r + 1) / ranks));
      other_sums += bits_of(sums) != bits_of(sums_of(columns, 0, columns.examples()));
      const std::span<const std::uint32_t> first(columns.ids.data(), columns.offsets[columns.examples() / ranks]);
      other_numbers += list(Numbering::by_frequency(first).originals()) != list(alone.numbering().originals());
    }
    CHECK(other_sums > 0);
    CHECK(other_numbers == 5);
  }
}
