// Sums of rows: union, parts, and the way over the wire.
#include <doctest/doctest.h>

#include <map>
#include <vector>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>

#include "mpi/reduce/rows.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

namespace {

/// The obvious form: a map from the number of a row to its floats and its decay.
using Naive = std::map<std::uint32_t, std::vector<float>>;

Naive naive(const RowView& rows, const RowNumbers& numbers) {
  Naive result;
  const float* from = rows.sums.data();
  for (std::size_t i = 0; i < rows.count; ++i) {
    std::vector<float>& row = result[rows.number(i)];
    row.assign(from, from + width_of(numbers, rows.number(i)));
    from += row.size();
    row.push_back(rows.decays.empty() ? 0.f : rows.decays[i]);
  }
  CHECK(from == rows.sums.data() + rows.sums.size());
  return result;
}

Naive added(Naive left, const Naive& right) {
  for (const auto& [number, row] : right) {
    std::vector<float>& to = left[number];
    if (to.empty())
      to = row;
    else
      for (std::size_t i = 0; i < row.size(); ++i) to[i] += row[i];
  }
  return left;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("adding rows is the union of both, sparse, consecutive or mixed") {
    const RowNumbers numbers(small_layout());
    for (std::uint64_t seed = 0; seed < 40; ++seed)
      for (const double left_share : {0., 0.1, 0.7, 1.})
        for (const double right_share : {0., 0.1, 0.7, 1.}) {
          const RowSums left = random_rows(numbers, seed, left_share, seed % 2 == 0);
          const RowSums right = random_rows(numbers, seed + 1000, right_share, seed % 3 == 0);
          const RowSums sum = add(left.view(), right.view(), numbers);
          CHECK(naive(sum.view(), numbers) == added(naive(left.view(), numbers), naive(right.view(), numbers)));
        }
  }

  TEST_CASE("a row that one side lacks keeps its bits, and minus zero with them") {
    const RowNumbers numbers(Layout{{.rows = 4, .width = 1}});
    RowSums left, right;
    left.numbers = {0, 2};
    left.sums = {-0.f, 1};
    settle(left);
    right.numbers = {2, 3};
    right.sums = {1, -0.f};
    settle(right);
    const RowSums sum = add(left.view(), right.view(), numbers);
    REQUIRE(sum.count == 3);
    CHECK(std::signbit(sum.sums[0]));
    CHECK(sum.sums[1] == 2);
    CHECK(std::signbit(sum.sums[2]));
  }

  TEST_CASE("parts of rows are the rows between two numbers, and together all of them") {
    const RowNumbers numbers(small_layout());
    for (std::uint64_t seed = 0; seed < 20; ++seed)
      for (const double share : {0.2, 1.}) {
        const RowSums rows = random_rows(numbers, seed, share, true);
        const Naive all = naive(rows.view(), numbers);
        Naive together;
        std::uint32_t begin = 0;
        for (const std::uint32_t end : {0u, 3u, 3u, 41u, 57u, numbers.rows()}) {
          const Naive piece = naive(part(rows.view(), begin, end, numbers), numbers);
          for (const auto& [number, row] : piece) CHECK((number >= begin && number < end));
          together.insert(piece.begin(), piece.end());
          begin = end;
        }
        CHECK(together == all);
      }
  }

  TEST_CASE("rows come off the wire as they were put on it, one behind the other") {
    const RowNumbers numbers(small_layout());
    const RowSums first = random_rows(numbers, 1, 0.3, true), second = random_rows(numbers, 2, 1, false), none;
    std::vector<std::byte> bytes;
    for (const RowSums* rows : {&first, &second, &none}) {
      const std::size_t at = bytes.size();
      bytes.resize(at + encoded_size(rows->view()));
      encode(rows->view(), std::span(bytes).subspan(at));
    }
    std::span<const std::byte> left(bytes);
    for (const RowSums* rows : {&first, &second, &none})
      CHECK(naive(decode(left, numbers), numbers) == naive(rows->view(), numbers));
    CHECK(left.empty());
    CHECK(encoded_size(second.view()) == 16 + sizeof(float) * numbers.floats());  // all rows: no numbers
  }

  TEST_CASE("rows that were cut short or belong to another model are an error") {
    const RowNumbers numbers(small_layout()), fewer(Layout{{.rows = 3, .width = 1}});
    const RowSums rows = random_rows(numbers, 1, 0.5, true);
    std::vector<std::byte> bytes(encoded_size(rows.view()));
    encode(rows.view(), bytes);
    for (std::size_t size = 0; size < bytes.size(); size += 4) {
      std::span<const std::byte> cut(bytes.data(), size);
      CHECK_THROWS_AS(decode(cut, numbers), Error);
    }
    std::span<const std::byte> all(bytes);
    CHECK_THROWS_AS(decode(all, fewer), Error);
  }
}
