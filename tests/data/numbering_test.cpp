// Numbering: hottest first, both look-ups, ids that never occur.
#include <map>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/numbering.hpp>
#include <sounder/data/random.hpp>

using sounder::Numbering;
using Ids = std::vector<std::uint32_t>;

namespace {

Ids originals(const Numbering& numbering) { return {numbering.originals().begin(), numbering.originals().end()}; }

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("ids are numbered by descending frequency, then by ascending id") {
    for (const std::uint32_t stretch : {1u, 400000000u}) {  // with a dense look-up, and with a sorted one
      const Ids ids{5 * stretch, 3 * stretch, 5 * stretch, 9 * stretch, 3 * stretch, 0, 5 * stretch};
      Ids frequencies;
      const auto numbering =
          Numbering::by_frequency(ids, Ids{7 * stretch, 5 * stretch, 2 * stretch, 7 * stretch}, &frequencies);
      CHECK(originals(numbering) == Ids{5 * stretch, 3 * stretch, 0, 9 * stretch, 2 * stretch, 7 * stretch});
      CHECK(frequencies == Ids{3, 2, 1, 1, 0, 0});
      for (std::uint32_t row = 0; row < numbering.size(); ++row) {
        CHECK(numbering.row_of(numbering.original(row)) == row);
      }
      for (const std::uint32_t absent : {1 * stretch, 10 * stretch, 8 * stretch, 0xfffffffeu})
        CHECK(numbering.row_of(absent) == Numbering::kAbsent);
      CHECK(numbering.in_original_order() == Ids{2, 4, 1, 0, 5, 3});
    }
  }

  TEST_CASE("the greatest id works and takes little memory") {
    const auto numbering = Numbering::by_frequency(Ids{0xfffffffeu, 0, 0xfffffffeu});
    CHECK(originals(numbering) == Ids{0xfffffffeu, 0});
    CHECK(numbering.row_of(0xfffffffeu) == 0);
    CHECK(numbering.row_of(0) == 1);
    CHECK(numbering.row_of(Numbering::kAbsent) == Numbering::kAbsent);
  }

  TEST_CASE("no ids, only extra ids, identity") {
    CHECK(Numbering::by_frequency({}).size() == 0);
    CHECK(Numbering::by_frequency({}).row_of(0) == Numbering::kAbsent);
    CHECK(originals(Numbering::by_frequency({}, Ids{4, 2})) == Ids{2, 4});
    const auto identity = Numbering::identity(3);
    CHECK(originals(identity) == Ids{0, 1, 2});
    CHECK(identity.row_of(2) == 2);
    CHECK(identity.row_of(3) == Numbering::kAbsent);
    CHECK(identity.in_original_order() == Ids{0, 1, 2});
  }

  TEST_CASE("many random ids agree with a map") {
    for (const std::uint64_t bound : {std::uint64_t{1000}, std::uint64_t{0xffffffff}}) {
      sounder::Random random(bound);
      Ids ids(20000), frequencies;
      std::map<std::uint32_t, std::uint32_t> counts;
      for (std::uint32_t& id : ids) ++counts[id = static_cast<std::uint32_t>(random.below(bound))];
      const auto numbering = Numbering::by_frequency(ids, {}, &frequencies);
      REQUIRE(numbering.size() == counts.size());
      for (std::uint32_t row = 0; row < numbering.size(); ++row) {
        CHECK(frequencies[row] == counts[numbering.original(row)]);
        CHECK(numbering.row_of(numbering.original(row)) == row);
        if (row > 0)
          CHECK(std::pair(~frequencies[row - 1], numbering.original(row - 1)) <
                std::pair(~frequencies[row], numbering.original(row)));
      }
    }
  }
}
