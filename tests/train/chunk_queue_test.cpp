// ChunkQueue: every example exactly once an epoch, whoever pulls, in an order that the seed decides.
#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/train/chunk_queue.hpp>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Who pulls next.
enum class Pulls { one_by_one, in_turn, at_random, threads };

/// The number of examples that a round over chunks [first, last) did not visit exactly `times` times; ranges outside
/// of the set count too. Works on any queue that looks like a ChunkQueue, so that it can be tried on broken ones.
template <class Queue>
std::size_t wrong_visits(Queue& queue, std::vector<std::uint32_t>& visits, std::uint32_t times, int workers,
                         Pulls pulls) {
  std::vector<typename Queue::Cursor> cursors;
  for (int worker = 0; worker < workers; ++worker) cursors.emplace_back(queue);
  std::vector<std::vector<Range>> ranges(cursors.size());
  const auto pull = [&](std::size_t worker) {
    Range range;
    if (!cursors[worker].next(range)) return false;
    ranges[worker].push_back(range);
    return true;
  };

  if (pulls == Pulls::threads) {
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < cursors.size(); ++worker)
      threads.emplace_back([&, worker] {
        while (pull(worker)) std::this_thread::yield();
      });
    for (std::thread& thread : threads) thread.join();
  } else {
    Random random(13);
    std::vector<std::size_t> active(cursors.size());
    for (std::size_t worker = 0; worker < active.size(); ++worker) active[worker] = worker;
    for (std::size_t turn = 0; !active.empty(); ++turn) {
      const std::size_t at = pulls == Pulls::one_by_one ? 0
                             : pulls == Pulls::in_turn  ? turn % active.size()
                                                        : random.below(active.size());
      if (!pull(active[at])) active.erase(active.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  std::size_t wrong = 0;
  for (const auto& of_worker : ranges)
    for (const Range range : of_worker) {
      wrong += range.begin >= range.end || range.end > visits.size();
      for (std::size_t i = range.begin; i < std::min(range.end, visits.size()); ++i) ++visits[i];
    }
  for (const std::uint32_t count : visits) wrong += count != times;
  return wrong;
}

template <class Queue>
std::size_t wrong_epochs(std::size_t examples, std::size_t chunk, int workers, Pulls pulls) {
  Queue queue(examples, chunk);
  std::vector<std::uint32_t> visits(examples);
  std::size_t wrong = 0;
  for (std::uint32_t epoch = 0; epoch < 3; ++epoch) {
    queue.permute(7, epoch);
    queue.open(workers);
    wrong += wrong_visits(queue, visits, epoch + 1, workers, pulls);
  }
  return wrong;
}

/// The ranges of an epoch as a single puller of a round for `workers` gets them.
std::vector<std::size_t> order_of(ChunkQueue& queue, std::uint64_t seed, std::uint64_t epoch, int workers) {
  queue.permute(seed, epoch);
  queue.open(workers);
  ChunkQueue::Cursor cursor(queue);
  std::vector<std::size_t> order;
  for (Range range; cursor.next(range);) order.push_back(range.begin);
  return order;
}

// Queues with one mistake each, for the check to find.
struct Repeats : ChunkQueue {
  using ChunkQueue::ChunkQueue;
  struct Cursor : ChunkQueue::Cursor {
    explicit Cursor(Repeats& queue) : ChunkQueue::Cursor(queue) {}
    bool next(Range& range) {
      if (again) return again = false, range = last, true;
      const bool got = ChunkQueue::Cursor::next(range);
      if (got && range.begin == 0) again = true, last = range;
      return got;
    }
    bool again = false;
    Range last;
  };
};
struct SkipsLast : ChunkQueue {
  using ChunkQueue::ChunkQueue;
  struct Cursor : ChunkQueue::Cursor {
    explicit Cursor(SkipsLast& all) : ChunkQueue::Cursor(all), queue(all) {}
    bool next(Range& range) {
      while (ChunkQueue::Cursor::next(range))
        if (range.end != queue.examples()) return true;
      return false;
    }
    SkipsLast& queue;
  };
};
struct CutsShort : ChunkQueue {
  using ChunkQueue::ChunkQueue;
  struct Cursor : ChunkQueue::Cursor {
    explicit Cursor(CutsShort& queue) : ChunkQueue::Cursor(queue) {}
    bool next(Range& range) {
      const bool got = ChunkQueue::Cursor::next(range);
      if (got && range.begin == 0) --range.end;
      return got;
    }
  };
};

constexpr Pulls kPulls[] = {Pulls::one_by_one, Pulls::in_turn, Pulls::at_random, Pulls::threads};

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("chunk queue: every example exactly once an epoch, whoever pulls") {
    for (const std::size_t examples : {1u, 15u, 16u, 17u, 128u, 1000u, 4097u})
      for (const std::size_t chunk : {16u, 128u, 1024u})
        for (const int workers : {1, 2, 3, 8})
          for (const Pulls pulls : kPulls) {
            CAPTURE(examples);
            CAPTURE(chunk);
            CAPTURE(workers);
            CAPTURE(static_cast<int>(pulls));
            CHECK(wrong_epochs<ChunkQueue>(examples, chunk, workers, pulls) == 0);
          }
  }

  TEST_CASE("chunk queue: rounds share an epoch without gap or overlap") {
    for (const std::size_t rounds : {1u, 2u, 4u, 9u}) {
      CAPTURE(rounds);
      ChunkQueue queue(1000, 128);
      std::vector<std::uint32_t> visits(1000);
      queue.permute(3, 0);
      for (std::size_t round = 0; round < rounds; ++round) {
        queue.open(queue.chunks() * round / rounds, queue.chunks() * (round + 1) / rounds, 3);
        wrong_visits(queue, visits, 0, 3, Pulls::in_turn);
      }
      CHECK(std::count(visits.begin(), visits.end(), 1u) == 1000);
    }
  }

  TEST_CASE("chunk queue: the order is drawn from seed and epoch, not from the number of workers") {
    ChunkQueue queue(10'000, 16);
    const auto first = order_of(queue, 1, 0, 1);
    REQUIRE(first.size() == 625);
    CHECK(first != order_of(queue, 1, 1, 1));
    CHECK(first != order_of(queue, 2, 0, 1));
    for (const int workers : {1, 2, 7, 64}) CHECK(first == order_of(queue, 1, 0, workers));
    ChunkQueue other(10'000, 16);  // not from what the queue did before, either
    CHECK(first == order_of(other, 1, 0, 3));
    auto sorted = first;
    std::sort(sorted.begin(), sorted.end());
    CHECK(first != sorted);
  }

  TEST_CASE("chunk queue: taken counts what has been handed out") {
    ChunkQueue queue(1000, 128);
    queue.permute(1, 0);
    queue.open(2);
    CHECK(queue.taken() == 0);
    ChunkQueue::Cursor cursor(queue);
    std::size_t seen = 0;
    for (Range range; cursor.next(range);) {
      seen += range.size();
      CHECK(queue.taken() >= seen);  // at least what one worker has in hand
      CHECK(queue.taken() <= 1000);
    }
    CHECK(queue.taken() == 1000);
  }

  TEST_CASE("chunk queue: taken is exact in every round, wherever the short chunk falls") {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      CAPTURE(seed);
      ChunkQueue queue(1000, 128);  // seven chunks of 128 and one of 104
      queue.permute(seed, 0);
      for (std::size_t round = 0; round < 4; ++round) {
        queue.open(2 * round, 2 * round + 2, 2);
        ChunkQueue::Cursor cursor(queue);
        std::size_t seen = 0;
        for (Range range; cursor.next(range);) seen += range.size();
        CHECK(queue.taken() == seen);
      }
    }
  }

  TEST_CASE("chunk queue: the stop flag ends a round within what the workers have in hand") {
    std::atomic<bool> stop{false};
    ChunkQueue queue(100'000, 16, &stop);
    queue.permute(1, 0);
    queue.open(2);
    ChunkQueue::Cursor mine(queue), late(queue);
    Range range;
    REQUIRE(mine.next(range));
    stop = true;
    std::size_t chunks = 0;
    while (mine.next(range)) ++chunks;
    CHECK(chunks < queue.chunks() / 8);
    CHECK_FALSE(late.next(range));
    CHECK(queue.taken() == (chunks + 1) * 16);
    stop = false;
    CHECK(late.next(range));  // the flag is all there is to it
  }

  TEST_CASE("chunk queue: what is done in another order is booked by chunks, forward alone, also where the run is to stop") {
    std::atomic<bool> stop{true};
    ChunkQueue queue(1000, 128, &stop);
    queue.permute(1, 0);
    queue.open(2);
    queue.book(1);
    const std::size_t one = queue.taken();
    CHECK((one == 128 || one == 104));  // the short one may be the first
    queue.book(0);
    CHECK(queue.taken() == one);
    queue.book(500);
    CHECK((queue.taken() >= 488 && queue.taken() <= 512));
    queue.skip(queue.taken() - 470);
    CHECK(queue.taken() == 470);
    queue.open(2);
    queue.book(5000);
    CHECK(queue.taken() == 1000);
  }

  TEST_CASE("chunk size: a multiple of 16 that suits the length of the examples") {
    for (const std::size_t each : {0u, 1u, 2u, 10u, 73u, 1000u, 100'000u}) {
      const std::size_t size = chunk_size(1000, 1000 * each);
      CHECK(size % 16 == 0);
      CHECK(size >= 128);
      CHECK(size <= 1024);
      CHECK(size <= chunk_size(1000, 1000 * each / 2));
    }
    CHECK(chunk_size(0, 0) % 16 == 0);
  }

  TEST_CASE("mutants: the check finds queues that repeat, skip or cut a chunk") {
    for (const Pulls pulls : kPulls) {
      CAPTURE(static_cast<int>(pulls));
      CHECK(wrong_epochs<Repeats>(1000, 128, 2, pulls) > 0);
      CHECK(wrong_epochs<SkipsLast>(1000, 128, 2, pulls) > 0);
      CHECK(wrong_epochs<CutsShort>(1000, 128, 2, pulls) > 0);
    }
  }
}
