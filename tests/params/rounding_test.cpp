// Cells of 16 bits: what they stand for, and that random rounding keeps on average what rounding to the nearest loses.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <vector>

#include <sounder/data/random.hpp>
#include <sounder/params/rounding.hpp>

using namespace sounder;

namespace {

constexpr std::uint32_t kNearest = 0x8000;  // of 16 random bits: the control
constexpr StorageName kBoth[] = {StorageName::bf16, StorageName::f16};

/// By the definition of IEEE 754 formats of so many bits of exponent.
double value_of(StorageName storage, std::uint32_t cell) {
  const int fraction_bits = storage == StorageName::bf16 ? 7 : 10, most = storage == StorageName::bf16 ? 255 : 31, bias = most / 2;
  const int exponent = static_cast<int>(cell >> fraction_bits) & most;
  const double fraction = std::ldexp(static_cast<double>(cell & ((1u << fraction_bits) - 1)), -fraction_bits);
  const double sign = cell & 0x8000 ? -1 : 1;
  if (exponent == most) return fraction == 0 ? sign * HUGE_VAL : NAN;
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

/// Mean over all random bits.
double mean_of(StorageName storage, float x) {
  double sum = 0;
  for (std::uint32_t random = 0; random < 0x10000; ++random) sum += static_cast<double>(widened(storage, narrowed(storage, x, random)));
  return sum / 0x10000;
}

/// How far a cell moves on average by 2,000 steps of 1/500 of what its last bit is worth.
double drift(StorageName storage, bool at_random) {
  constexpr int kCells = 512, kSteps = 2000;
  const float step = (storage == StorageName::bf16 ? 0x1p-7f : 0x1p-10f) / 500;
  double sum = 0;
  for (std::uint32_t worker = 0; worker < kCells; ++worker) {
    Draws draws = Draws::of(7, worker);
    std::uint16_t cell = narrowed(storage, 1.f, 0);
    for (int i = 0; i < kSteps; ++i, draws.next())
      cell = narrowed(storage, widened(storage, cell) + step, at_random ? draws.bits(worker % 64) >> 16 : kNearest);
    sum += static_cast<double>(widened(storage, cell)) - 1;
  }
  return sum / kCells / static_cast<double>(step * kSteps);
}

}  // namespace

TEST_SUITE("params") {
  TEST_CASE("rounding: every cell stands for what IEEE 754 says, and is kept whatever the random bits") {
    for (const StorageName storage : kBoth)
      for (std::uint32_t cell = 0; cell < 0x10000; ++cell) {
        const float value = widened(storage, static_cast<std::uint16_t>(cell));
        const double expected = value_of(storage, cell);
        for (const std::uint32_t random : {0u, 1u, kNearest, 0xffffu}) {
          const std::uint16_t back = narrowed(storage, value, random);
          if (std::isnan(expected))
            REQUIRE((std::isnan(value) && std::isnan(widened(storage, back))));
          else
            REQUIRE((static_cast<double>(value) == expected && back == cell));
        }
      }
  }

  TEST_CASE("rounding: the mean over all random bits is the float; control: the nearest cell is not") {
    Random random(1, 0);
    for (const StorageName storage : kBoth) {
      int off = 0;
      const int least = storage == StorageName::bf16 ? -120 : -23;
      for (int i = 0; i < 200; ++i) {
        const float x = std::ldexp(static_cast<float>(random.below(1 << 24)) - 0x1p23f, -23 + least / 2 + static_cast<int>(random.below(static_cast<std::uint64_t>(10 - least / 2))));
        const double low = static_cast<double>(widened(storage, narrowed(storage, x, 0))), high = static_cast<double>(widened(storage, narrowed(storage, x, 0xffff)));
        const double step = std::abs(high - low);
        CAPTURE(x);
        REQUIRE((low == static_cast<double>(x) || (std::abs(low) < std::abs(static_cast<double>(x)) && std::abs(static_cast<double>(x)) < std::abs(high)) || step == 0));
        REQUIRE(std::abs(mean_of(storage, x) - static_cast<double>(x)) <= step * 0x1p-12);
        off += std::abs(static_cast<double>(widened(storage, narrowed(storage, x, kNearest)) - x)) > step * 0x1p-12;
      }
      CHECK(off > 150);
    }
  }

  TEST_CASE("rounding: the nearest cell, of two as near the even one; control: a half that always goes up") {
    for (const StorageName storage : kBoth) {
      int otherwise = 0;
      for (std::uint32_t cell = 0; cell < (storage == StorageName::bf16 ? 0x7f7fu : 0x7bffu); ++cell)
        for (const std::uint32_t sign : {0u, 0x8000u}) {
          const auto low = static_cast<std::uint16_t>(cell | sign), high = static_cast<std::uint16_t>(low + 1), even = cell % 2 == 0 ? low : high;
          const float half = (widened(storage, low) + widened(storage, high)) / 2;
          if (!std::isnormal(half)) continue;
          REQUIRE(nearest(storage, widened(storage, low)) == low);
          REQUIRE(nearest(storage, half) == even);
          if (cell == 0 || std::abs(half) < 0x1p-14f) continue;  // there the floats beside it are too near to the half
          REQUIRE(nearest(storage, std::nextafter(half, widened(storage, low))) == low);
          REQUIRE(nearest(storage, std::nextafter(half, widened(storage, high))) == high);
          otherwise += narrowed(storage, half, kNearest) != even;
        }
      CHECK(otherwise > 10'000);
      CHECK(std::isnan(widened(storage, nearest(storage, NAN))));
      CHECK(nearest(storage, storage == StorageName::bf16 ? HUGE_VALF : 65520.f) == (storage == StorageName::bf16 ? 0x7f80 : 0x7c00));
    }
  }

  TEST_CASE("rounding: what f16 cannot hold becomes infinite, NaN stays NaN, zero stays zero") {
    for (const std::uint32_t random : {0u, 0x1234u, 0xffffu}) {
      CHECK(widened(StorageName::f16, narrowed(StorageName::f16, 65536.f, random)) == HUGE_VALF);
      CHECK(widened(StorageName::f16, narrowed(StorageName::f16, -1e30f, random)) == -HUGE_VALF);
      for (const StorageName storage : kBoth) {
        CHECK(widened(storage, narrowed(storage, -HUGE_VALF, random)) == -HUGE_VALF);
        CHECK(std::isnan(widened(storage, narrowed(storage, std::bit_cast<float>(0x7fffffffu), random))));
        CHECK(std::isnan(widened(storage, narrowed(storage, std::bit_cast<float>(0xff800001u), random))));
        CHECK(narrowed(storage, 0.f, random) == 0);
      }
    }
  }

  TEST_CASE("rounding: steps far below the last bit add up; control: to the nearest, a cell does not move") {
    for (const StorageName storage : kBoth) {
      CHECK(drift(storage, true) == doctest::Approx(1).epsilon(0.05));
      CHECK(drift(storage, false) == 0);
    }
  }
}
