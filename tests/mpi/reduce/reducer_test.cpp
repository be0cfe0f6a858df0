// Sums over ranks: the right ones, the same bytes on all ranks, and by few bytes.
#include <doctest/doctest.h>

#include <algorithm>
#include <mutex>
#include <span>
#include <vector>

#include <sounder/error.hpp>
#include <sounder/mpi/world.hpp>

#include "collectives.hpp"
#include "mpi/reduce/rows.hpp"
#include "reduce/deterministic.hpp"
#include "reduce/row_reducer.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

namespace {

/// What each rank ends with.
template <class T, class F>
std::vector<T> on_ranks(int ranks, F f) {
  std::vector<T> results(static_cast<std::size_t>(ranks));
  World::run_inproc(ranks, [&](World& world) { results[static_cast<std::size_t>(world.rank())] = f(world); });
  return results;
}

std::vector<float> random_vector(std::size_t size, int rank) {
  Random random(5, static_cast<std::uint64_t>(rank));
  std::vector<float> vector;
  for (std::size_t i = 0; i < size; ++i) vector.push_back(static_cast<float>(random.normal()));
  return vector;
}

/// So far; what was sent has left, as the others have come to the barrier.
std::uint64_t bytes_sent(World& world) {
  barrier(world.endpoint());
  std::uint64_t bytes = 0;
  for (const Link& link : world.endpoint().links()) bytes += link.bytes_sent;
  return bytes;
}

bool equal(const RowSums& a, const RowSums& b) {
  return a.count == b.count && a.first == b.first && a.numbers == b.numbers && a.sums == b.sums && a.decays == b.decays;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double difference = a.size() == b.size() ? 0 : 1e30;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return difference;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("the ring adds up vectors of any length over any number of ranks in chunks of any size, the same bytes everywhere") {
    for (const int ranks : {1, 2, 3, 5})
      for (const std::size_t size : {0, 1, 2, 4, 1000, 4099})
        for (const std::size_t chunk : {1, 256, 1 << 20}) {
          if (kThreadSanitizer && chunk == 1 && size > 4) continue;
          std::vector<double> expected(size);
          for (int rank = 0; rank < ranks; ++rank) {
            const std::vector<float> part = random_vector(size, rank);
            for (std::size_t i = 0; i < size; ++i) expected[i] += static_cast<double>(part[i]);
          }
          const auto sums = on_ranks<std::vector<float>>(ranks, [&](World& world) {
            std::vector<float> vector = random_vector(size, world.rank());
            make_ring(world.endpoint(), chunk)->sum(vector);
            return vector;
          });
          double error = 0;
          for (std::size_t i = 0; i < size; ++i) error = std::max(error, std::abs(static_cast<double>(sums[0][i]) - expected[i]));
          CHECK(error < 1e-5);
          for (const auto& sum : sums) CHECK(sum == sums[0]);
        }
  }

  TEST_CASE("the ring sends 2 (P - 1) / P of a vector from each rank, and its headers") {
    constexpr std::size_t kSize = 60'000, kChunk = 16'384;
    for (const int ranks : {2, 3, 5}) {
      const auto sent = on_ranks<std::uint64_t>(ranks, [&](World& world) {
        const auto ring = make_ring(world.endpoint(), kChunk);
        std::vector<float> vector(kSize, 1);
        const std::uint64_t before = bytes_sent(world);
        ring->sum(vector);
        return bytes_sent(world) - before;
      });
      const double share = 2. * (ranks - 1) / ranks * sizeof(float) * kSize;
      for (const std::uint64_t bytes : sent) {
        CHECK(static_cast<double>(bytes) >= share * 0.999);
        CHECK(static_cast<double>(bytes) < share * 1.02);
      }
    }
  }

  TEST_CASE("rows are summed over the ranks that have them, through rows or through tables, the same bytes everywhere") {
    const RowNumbers few(small_layout()), many(Layout{{.rows = 30'000, .width = 1}, {.rows = 1'000, .width = 16}});
    struct Case {
      const RowNumbers& numbers;
      double share;
      bool tables;
    };
    for (const int ranks : {1, 2, 3, 4, 5})
      for (const Case& c : {Case{few, 0.3, false}, {few, 1, false}, {many, 0.01, false}, {many, 0.9, true}, {many, 1, true}})
        for (const int first_with_decays : {0, 1, ranks}) {
          if (kThreadSanitizer && ranks == 4) continue;
          const auto rows_of = [&](int rank) {
            // One rank may have none, and of decays all, some or none.
            return random_rows(c.numbers, static_cast<std::uint64_t>(rank), !c.tables && rank == 1 ? 0 : c.share, rank >= first_with_decays);
          };
          RowSums expected = rows_of(0);
          for (int rank = 1; rank < ranks; ++rank) expected = add(expected.view(), rows_of(rank).view(), c.numbers);
          const auto sums = on_ranks<RowSums>(ranks, [&](World& world) {
            RowReducer reducer(world.endpoint(), make_ring(world.endpoint()), c.numbers);
            RowSums sum = reducer.sum(rows_of(world.rank()));
            if (ranks != 2) CHECK((reducer.dense_sums() == 1) == (c.tables && ranks > 1));  // two ranks: both ways cost about the same
            return sum;
          });
          for (const RowSums& sum : sums) {
            CHECK(equal(sum, sums[0]));
            CHECK(sum.count == expected.count);
            CHECK(sum.first == expected.first);
            CHECK(sum.numbers == expected.numbers);
            CHECK(largest_difference(sum.sums, expected.sums) < 1e-5);
            CHECK(largest_difference(sum.decays, expected.decays) < 1e-5);
          }
        }
  }

  TEST_CASE("a row whose sum is zero counts as touched, through tables too") {
    const RowNumbers numbers(Layout{{.rows = 40'000, .width = 1}});
    const auto sums = on_ranks<RowSums>(3, [&](World& world) {
      RowSums rows;
      for (std::uint32_t i = 0; i < numbers.rows(); i += i % 3 == 0 ? 1 : 2) {
        rows.numbers.push_back(i);
        rows.sums.push_back(0);
      }
      settle(rows);
      RowReducer reducer(world.endpoint(), make_ring(world.endpoint()), numbers);
      RowSums sum = reducer.sum(rows);
      CHECK(reducer.dense_sums() == 1);
      CHECK(sum.numbers == rows.numbers);
      return sum;
    });
    CHECK(sums[0].count < numbers.rows());
  }

  TEST_CASE("few touched rows cost bytes in proportion to them, not to the tables") {
    const RowNumbers numbers(Layout{{.rows = 1'000'000, .width = 1}});
    constexpr std::uint64_t kRows = 20'000;
    const auto sent = on_ranks<std::uint64_t>(2, [&](World& world) {
      RowReducer reducer(world.endpoint(), make_ring(world.endpoint()), numbers);
      RowSums rows;
      for (std::uint32_t i = 0; i < kRows; ++i) rows.numbers.push_back(i * 50 + static_cast<std::uint32_t>(world.rank()));
      rows.sums.assign(kRows, 1);
      settle(rows);
      const std::uint64_t before = bytes_sent(world);
      reducer.sum(rows);
      return bytes_sent(world) - before;
    });
    for (const std::uint64_t bytes : sent) {
      CHECK(bytes >= kRows * 8);
      CHECK(bytes < kRows * 8 + 1024);
    }
  }

  TEST_CASE("the tree over the shards gives the same bytes for any number of ranks and any size of chunks, by way of all and of parts") {
    const RowNumbers few(small_layout()), many(Layout{{.rows = 20'000, .width = 1}, {.rows = 500, .width = 32}});
    for (const RowNumbers* numbers : {&few, &many})
      for (const double share : {0.3, 1.}) {
        const auto sum_of = [&](int ranks, std::size_t chunk) {
          return on_ranks<RowSums>(ranks, [&](World& world) {
            ShardTree shards(*numbers);
            for (int shard = first_shard_of(world.rank(), ranks); shard < first_shard_of(world.rank() + 1, ranks); ++shard)
              shards.add({0, shard}, random_rows(*numbers, static_cast<std::uint64_t>(shard), shard % 5 == 1 ? 0 : share, shard % 2 == 0));
            std::vector<float> load(numbers->rows(), 1);
            for (std::size_t i = 0; i < load.size() / 10; ++i) load[i] = 20;
            return TreeReducer(world.endpoint(), *numbers, {.chunk_bytes = chunk, .load = load}).sum(shards);
          });
        };
        const RowSums alone = sum_of(1, kChunkBytes)[0];
        for (const int ranks : {2, 3, 4, 5, 8})
          for (const std::size_t chunk : {std::size_t{4096}, kChunkBytes}) {
            if (kThreadSanitizer && (ranks == 4 || ranks == 8)) continue;
            for (const RowSums& sum : sum_of(ranks, chunk)) CHECK(equal(sum, alone));
          }
      }
  }

  TEST_CASE("a tree of two ranks sends no more than a ring and a tenth") {
    const RowNumbers numbers(Layout{{.rows = 10'000, .width = 16}});
    for (const int ranks : {2, 4}) {
      const auto sent = on_ranks<std::uint64_t>(ranks, [&](World& world) {
        ShardTree shards(numbers);
        for (int shard = first_shard_of(world.rank(), ranks); shard < first_shard_of(world.rank() + 1, ranks); ++shard)
          shards.add({0, shard}, shard % 16 == 0 ? random_rows(numbers, static_cast<std::uint64_t>(shard), 1, false) : RowSums{});
        TreeReducer tree(world.endpoint(), numbers);
        const std::uint64_t before = bytes_sent(world);
        tree.sum(shards);
        return bytes_sent(world) - before;
      });
      const double ring = 2. * (ranks - 1) / ranks * 4 * 160'000;
      for (const std::uint64_t bytes : sent) CHECK(static_cast<double>(bytes) < 1.1 * ring);
    }
  }
}
