// RowLocks: one worker at a time in a row, in one order, each lock once.
#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/params/row_locks.hpp>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

TEST_SUITE("params") {
  TEST_CASE("row locks: plain counters add up, whatever rows are wanted in whatever order") {
    constexpr std::size_t kRows = 7;
    constexpr int kThreads = 4;
    RowLocks locks(Layout{{.rows = kRows, .width = 1}, {.rows = kRows, .width = 16}});
    std::uint64_t counters[2][kRows] = {};  // plain: only the locks protect them
    std::atomic<std::uint64_t> expected[2][kRows] = {};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        Random random(51, t);
        RowLocks::Held held(locks);
        for (std::size_t i = 0; i < scaled(40'000, 4'000); ++i) {
          bool wanted[2][kRows] = {};
          for (int k = 0; k < 4; ++k) {  // unordered, perhaps twice the same
            const auto table = static_cast<int>(random.below(2));
            const auto row = static_cast<std::uint32_t>(random.below(kRows));
            held.want(table, row);
            wanted[table][row] = true;
          }
          held.acquire();
          for (int table = 0; table < 2; ++table)
            for (std::size_t row = 0; row < kRows; ++row)
              if (wanted[table][row]) ++counters[table][row], ++expected[table][row];
          held.release();
        }
      });
    for (std::thread& thread : threads) thread.join();
    for (int table = 0; table < 2; ++table)
      for (std::size_t row = 0; row < kRows; ++row) CHECK(counters[table][row] == expected[table][row]);
  }

  TEST_CASE("row locks: a lock that is wanted twice is taken once, and all are free again afterwards") {
    RowLocks locks(Layout{{.rows = 10, .width = 1}, {.rows = 10, .width = 1}});
    RowLocks::Held one(locks), two(locks);
    for (int round = 0; round < 3; ++round) {
      for (const std::uint32_t row : {9u, 2u, 9u, 2u, 0u}) one.want(0, row);
      one.want(1, 9);
      one.acquire();
      two.want(0, 1);  // others are free meanwhile: this does not wait
      two.want(1, 0);
      two.acquire();
      two.release();
      one.release();
      for (std::uint32_t row = 0; row < 10; ++row) two.want(0, row), two.want(1, row);
      two.acquire();
      two.release();
    }
    one.acquire();  // of nothing
    one.release();
  }

  TEST_CASE("row locks: a table of more rows than locks shares them among neighbours") {
    constexpr std::size_t kMany = RowLocks::kMostLocks * 3;
    RowLocks locks(Layout{{.rows = 5, .width = 1}, {.rows = kMany, .width = 1}, {.rows = 5, .width = 1}});
    RowLocks::Held one(locks), two(locks);
    for (const std::uint32_t row :
         {0u, 1u, 2u, 3u, static_cast<std::uint32_t>(kMany) - 1, static_cast<std::uint32_t>(kMany)})
      one.want(1, row);
    one.acquire();
    for (std::uint32_t row = 0; row < 5; ++row) two.want(0, row), two.want(2, row);  // of other tables: free
    two.want(1, static_cast<std::uint32_t>(kMany / 2));
    two.acquire();
    two.release();
    one.release();
  }

  TEST_CASE("row locks: what is held is given back when a step throws") {
    RowLocks locks(Layout{{.rows = 4, .width = 1}});
    std::atomic<bool> taken{false};
    try {
      RowLocks::Held held(locks);
      held.want(0, 2);
      held.acquire();
      throw 1;
    } catch (int) {
    }
    std::thread other([&] {
      RowLocks::Held held(locks);
      held.want(0, 2);
      held.acquire();
      taken = true;
      held.release();
    });
    other.join();
    CHECK(taken);
    RowLocks::Held holder(locks);  // what was only wanted is not given back: it may be another's
    holder.want(0, 1);
    holder.acquire();
    {
      RowLocks::Held wisher(locks);
      wisher.want(0, 1);
    }
    std::atomic<int> inside{0};
    std::thread waiter([&] {
      RowLocks::Held held(locks);
      held.want(0, 1);
      held.acquire();
      inside = 1;
      held.release();
    });
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    CHECK(inside == 0);
    holder.release();
    waiter.join();
    CHECK(inside == 1);
  }
}
