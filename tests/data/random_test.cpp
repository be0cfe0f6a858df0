// Random: the published generator, and what is drawn from it.
#include <cmath>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>

using sounder::Random;

TEST_SUITE("data") {
  TEST_CASE("random is Philox4x32-10: the known answers of Random123") {
    Random zero(0, 0);  // counter 0, key 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8
    CHECK(zero.next() == 0xe169c58d6627e8d5u);
    CHECK(zero.next() == 0x9b00dbd8bc57ac4cu);
  }

  TEST_CASE("copies repeat, other seeds and streams do not") {
    Random a(7, 1);
    (void)a.next();
    Random b = a;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t drawn = a.next();
      CHECK(drawn == b.next());
      seen.insert(drawn);
    }
    Random other_seed(8, 1), other_stream(7, 2), high_seed(7 + (std::uint64_t{1} << 32), 1),
        high_stream(7, 1 + (std::uint64_t{1} << 32));
    for (Random* r : {&other_seed, &other_stream, &high_seed, &high_stream})
      for (int i = 0; i < 100; ++i) seen.insert(r->next());
    CHECK(seen.size() == 500);
  }

  TEST_CASE("below is even, and in range for any bound") {
    Random random(3);
    std::vector<int> counts(7);
    for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
    for (const int count : counts) CHECK(std::abs(count - 10000) < 500);  // 5 standard deviations
    int thirds = 0;  // without rejection, half of the numbers below 3 * 2^62 would be multiples of 3
    for (int i = 0; i < 30000; ++i) thirds += random.below(std::uint64_t{3} << 62) % 3 == 0 ? 1 : 0;
    CHECK(std::abs(thirds - 10000) < 500);
    for (const std::uint64_t bound : {std::uint64_t{1}, (std::uint64_t{1} << 63) + 1, ~std::uint64_t{0}})
      for (int i = 0; i < 100; ++i) CHECK(random.below(bound) < bound);
  }

  TEST_CASE("uniform and normal have their moments") {
    Random random(4);
    double sum = 0, normals = 0, squares = 0;
    constexpr int kDraws = 100000;
    for (int i = 0; i < kDraws; ++i) {
      const double u = random.uniform(), z = random.normal();
      if (!(u >= 0 && u < 1) || !std::isfinite(z)) FAIL("u = " << u << ", z = " << z);
      sum += u;
      normals += z;
      squares += z * z;
    }
    CHECK(sum / kDraws == doctest::Approx(0.5).epsilon(0.01));
    CHECK(std::abs(normals / kDraws) < 0.02);
    CHECK(squares / kDraws == doctest::Approx(1).epsilon(0.03));
  }
}
