// Memory of payloads: kept, handed out again, never to two at once, never without bound.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "protocol/buffers.hpp"

using namespace sounder::mpi;

TEST_SUITE("mpi") {
  TEST_CASE("a large buffer is kept when it is let go, for the next of about its size") {
    constexpr std::size_t kSize = 3 << 20;
    std::byte* first = nullptr;
    {
      const auto buffer = make_buffer(kSize);
      first = buffer.get();
    }
    {
      const std::size_t kept = kept_buffer_bytes();
      CHECK(kept >= kSize);
      const auto small = make_buffer(kSize / 4), large = make_buffer(kSize * 2);
      CHECK(small.get() != first);
      CHECK(large.get() != first);
      const auto again = make_buffer(kSize - 1000), other = make_buffer(kSize);
      CHECK(again.get() == first);
      CHECK(other.get() != first);
    }
  }

  TEST_CASE("no more is kept than the bound") {
    std::vector<std::shared_ptr<std::byte[]>> buffers;
    for (std::size_t bytes = 0; bytes < kMostKept + (kMostKept >> 2); bytes += kMostKept >> 3) buffers.push_back(make_buffer(kMostKept >> 3));
    buffers.clear();
    CHECK(kept_buffer_bytes() <= kMostKept);
    CHECK(kept_buffer_bytes() > kMostKept / 2);
    CHECK(make_buffer(kMostKept + 1) != nullptr);
    CHECK(kept_buffer_bytes() <= kMostKept);
  }

  TEST_CASE("threads that take and let go of buffers never hold the same one") {
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 500; ++i) {
          const auto buffer = make_buffer(kLeastKept + static_cast<std::size_t>(i % 3));
          const auto mark = std::byte(thread + 1);
          buffer[0] = buffer[kLeastKept - 1] = mark;
          std::this_thread::yield();
          if (buffer[0] != mark || buffer[kLeastKept - 1] != mark) wrong.fetch_add(1, std::memory_order_relaxed);
        }
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
  }

  TEST_CASE("a vector gives back all the memory that it has taken, also where it needed less") {
    constexpr std::size_t kFloats = std::size_t{1} << 18;
    const auto cycle = [](std::size_t floats) { KeptVector<float> vector(floats, 1.f); };
    cycle(kFloats);
    const std::size_t kept = kept_buffer_bytes();
    for (int repeat = 0; repeat < 3; ++repeat) cycle(kFloats * 7 / 10);
    CHECK(kept_buffer_bytes() == kept);
    const float* const first = KeptVector<float>(kFloats).data();
    CHECK(reinterpret_cast<std::uintptr_t>(first) % 16 == 0);
  }
}
