// The key-value store over MPI.
#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include <sounder/mpi/kv_store.hpp>

#include "ranks.hpp"

using namespace sounder::mpi;
using sounder::test::world;

namespace {

constexpr std::uint64_t kRows = 5000;
const std::vector<KvTable> kTables{{.rows = kRows, .width = 1}, {.rows = 300, .width = 16}};
constexpr std::size_t kFloats = kRows + 300 * 16;

std::vector<float> pull_all(KvStore& store) {
  std::vector<float> all(store.packed_floats());
  store.wait(store.pull(store.everything(), all));
  return all;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("over MPI a store gives back the initial values, and the exact sum of what all ranks push, in any frames") {
    std::vector<float> expected(kFloats);
    std::iota(expected.begin(), expected.end(), 0.f);
    for (const int servers : {0, 1}) {  // all, or one
      KvStore store(world(), kTables, expected, {.servers = servers, .audit = true});
      CHECK(pull_all(store) == expected);
      store.quiesce();  // nobody pushes before all have read

      // Whole numbers below 2^24 add up exactly in any order.
      const int clocks = 20;
      const auto rank = static_cast<float>(world().rank() + 1);
      for (int clock = 0; clock < clocks; ++clock) {
        store.push(store.everything(), std::vector<float>(kFloats, rank), {.completes_clock = false});
        const std::vector<sounder::mpi::Run> rows{{0, 1, 3}, {0, 700, 4000}, {1, 2, 40}};
        store.push(rows, std::vector<float>(1 + 700 + 32, 2), {.completes_clock = true});
      }
      store.quiesce();
      std::vector<float> sum = expected;
      const auto size = static_cast<float>(world().size());
      for (float& value : sum) value += clocks * size * (size + 1) / 2;
      const auto pushed = clocks * 2 * size;
      sum[3] += pushed;
      for (std::size_t i = 4000; i < 4700; ++i) sum[i] += pushed;
      for (std::size_t i = 0; i < 32; ++i) sum[kRows + 40 * 16 + i] += pushed;
      CHECK(pull_all(store) == sum);
      sum[0] += 1;  // comparing can fail
      CHECK(pull_all(store) != sum);
      CHECK(store.telemetry().violations == 0);
      store.leave();
      store.quiesce();
    }
  }
}
