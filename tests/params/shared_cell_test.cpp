// shared_cell: the volatile and the relaxed form do the same, lane by lane, as a plain copy.
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/params/shared_cell.hpp>

#include "params/cell_forms.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr int kStrip = ThreadLanes::kStrip;
constexpr std::size_t kCells = 8 * static_cast<std::size_t>(kStrip);

using Bits = std::vector<std::uint32_t>;

/// The bits of a float that is no signalling NaN, whose quiet bit a register move may set.
std::uint32_t random_bits(Random& random) {
  constexpr float kSpecial[] = {0.f, -0.f, 1e-45f, -1e-40f, HUGE_VALF, -HUGE_VALF, 3.4e38f};
  if (random.below(4) == 0) return std::bit_cast<std::uint32_t>(kSpecial[random.below(std::size(kSpecial))]);
  if (random.below(16) == 0) return 0x7fc00000u;
  for (;;) {
    const auto bits = static_cast<std::uint32_t>(random.next());
    if ((bits & 0x7f800000u) != 0x7f800000u) return bits;
  }
}

/// Cells that start on a cache line, and the same bits in a plain vector.
struct Cells2 {
  explicit Cells2(Random& random) : expected(kCells) {
    for (std::size_t i = 0; i < kCells; ++i) {
      expected[i] = random_bits(random);
      cells[i] = std::bit_cast<float>(expected[i]);
    }
  }
  Bits bits() const {
    Bits result(kCells);
    std::memcpy(result.data(), cells, sizeof cells);
    return result;
  }
  alignas(64) float cells[kCells];
  Bits expected;
};

}  // namespace

TEST_SUITE("params") {
  TEST_CASE("shared cell: both forms read and write whole floats and strips, and nothing beside them") {
    Random random(41);
    for (const CellForm* form : {&kVolatileForm, &kRelaxedForm})
      for (const int lanes : {1, kStrip}) {
        CAPTURE(form == &kVolatileForm);
        CAPTURE(lanes);
        const auto n = static_cast<std::size_t>(lanes);
        std::size_t wrong = 0;
        for (int i = 0; i < 2000; ++i) {
          Cells2 memory(random);
          const std::size_t at = random.below(kCells / n) * n;  // strips lie on multiples of their size
          Bits value(n);
          form->get(memory.cells + at, lanes, value.data());
          wrong += !std::equal(value.begin(), value.end(), memory.expected.begin() + static_cast<std::ptrdiff_t>(at));
          for (std::size_t k = 0; k < n; ++k) memory.expected[at + k] = value[k] = random_bits(random);
          form->put(memory.cells + at, lanes, value.data());
          wrong += memory.bits() != memory.expected;
        }
        CHECK(wrong == 0);
      }
  }

  TEST_CASE("shared cell: atomic_add adds to each lane what a plain sum does, and touches no other") {
    Random random(42);
    for (const CellForm* form : {&kVolatileForm, &kRelaxedForm})
      for (const int lanes : {1, kStrip}) {
        const auto n = static_cast<std::size_t>(lanes);
        std::size_t wrong = 0;
        for (int i = 0; i < 2000; ++i) {
          std::vector<float> expected(kCells), delta(n);
          alignas(64) float cells[kCells];
          for (std::size_t k = 0; k < kCells; ++k) cells[k] = expected[k] = static_cast<float>(random.normal());
          const std::size_t at = random.below(kCells / n) * n;
          for (std::size_t k = 0; k < n; ++k) expected[at + k] += delta[k] = static_cast<float>(random.normal());
          form->add(cells + at, lanes, delta.data());
          wrong += !std::equal(expected.begin(), expected.end(), cells);
        }
        CHECK(wrong == 0);
      }
  }

  TEST_CASE("shared cell: atomic_add loses nothing among threads, and a strip is not torn within a lane") {
    using F = ThreadLanes::F;
    constexpr int kThreads = 3, kAdds = static_cast<int>(scaled(50'000, 5'000));
    alignas(64) float cells[kStrip] = {};
    std::atomic<std::size_t> torn{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        std::size_t odd = 0;
        for (int i = 0; i < kAdds; ++i) {
          if (t == 0)
            for (int k = 0; k < kStrip; ++k) shared_cell::atomic_add<float>(cells + k, 1.f);
          else
            shared_cell::atomic_add<F>(cells, F{} + 1.f);
          const F seen = shared_cell::get<F>(cells);
          for (int k = 0; k < kStrip; ++k)
            odd += seen[k] != std::floor(seen[k]) || seen[k] < 1 || seen[k] > kThreads * kAdds;
        }
        torn += odd;
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(torn == 0);
    for (const float cell : cells) CHECK(cell == kThreads * kAdds);
  }
}
