// Row algebra against scalar loops, for every width; the lanes that a thread computes with.
#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/params/row.hpp>

using namespace sounder;

namespace {

template <int W>
using ThreadRow = Row<W, ThreadLanes>;

template <int W>
ThreadRow<W> random_row(Random& random, std::vector<float>& values) {
  ThreadRow<W> row = ThreadRow<W>::zero();
  values.resize(W);
  for (int i = 0; i < W; ++i) row.put(i, values[static_cast<std::size_t>(i)] = static_cast<float>(random.normal()));
  return row;
}

/// How many elements are not `expected(i)`.
template <int W, class F>
int differing(const ThreadRow<W>& row, F expected) {
  int count = 0;
  for (int i = 0; i < W; ++i) {
    const volatile float rounded = expected(static_cast<std::size_t>(i));  // or it is fused with the comparison
    count += row.get(i) != rounded;
  }
  return count;
}

/// The same where one rounding or two are both right: to within some units in the last place of 4.
template <int W, class F>
int far_off(const ThreadRow<W>& row, F expected) {
  int count = 0;
  for (int i = 0; i < W; ++i) count += !(std::abs(row.get(i) - expected(static_cast<std::size_t>(i))) <= 4 * 0x1p-23f);
  return count;
}

template <int W>
void check_width() {
  CAPTURE(W);
  Random random(W);
  std::vector<float> a, b;
  const ThreadRow<W> x = random_row<W>(random, a), y = random_row<W>(random, b);
  CHECK(differing(ThreadRow<W>::zero(), [](std::size_t) { return 0.f; }) == 0);
  CHECK(differing(x, [&](std::size_t i) { return a[i]; }) == 0);
  CHECK(differing(x + y, [&](std::size_t i) { return a[i] + b[i]; }) == 0);
  CHECK(differing(x - y, [&](std::size_t i) { return a[i] - b[i]; }) == 0);
  CHECK(differing(3.5f * x, [&](std::size_t i) { return 3.5f * a[i]; }) == 0);
  ThreadRow<W> z = x;
  z.fma(0.7f, y);
  CHECK(far_off(z, [&](std::size_t i) { return a[i] + 0.7f * b[i]; }) == 0);
  z.put(W - 1, 9.f);
  CHECK(far_off(z, [&](std::size_t i) { return i == W - 1 ? 9.f : a[i] + 0.7f * b[i]; }) == 0);

  double expected = 0, sizes = 0;
  for (std::size_t i = 0; i < W; ++i) {
    expected += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    sizes += std::abs(static_cast<double>(a[i]) * static_cast<double>(b[i]));
  }
  CHECK(std::abs(static_cast<double>(dot(x, y)) - expected) < 1e-6 * sizes);
  CHECK(std::abs(dot_double(x, y) - expected) < 1e-14 * sizes);
  for (int i = 0; i < W; ++i) {  // each element counts, once
    ThreadRow<W> one = ThreadRow<W>::zero();
    one.put(i, 1.f);
    CHECK(dot(one, x) == a[static_cast<std::size_t>(i)]);
    CHECK(dot_double(one, x) == static_cast<double>(a[static_cast<std::size_t>(i)]));
  }
}

/// What models take from rows beside the algebra.
template <int W>
void check_functions() {
  CAPTURE(W);
  Random random(W + 1);
  std::vector<float> a, b;
  const ThreadRow<W> x = random_row<W>(random, a), y = random_row<W>(random, b);
  double total = 0, sizes = 0;
  for (const float v : a) total += static_cast<double>(v), sizes += std::abs(static_cast<double>(v));
  CHECK(std::abs(static_cast<double>(sum(x)) - total) < 1e-6 * sizes);
  CHECK(max(x) == *std::max_element(a.begin(), a.end()));
  CHECK(differing(where_positive(x, y), [&](std::size_t i) { return a[i] > 0 ? b[i] : 0.f; }) == 0);
  for (const int at : {-1, 0, 7, W - 1, W}) {
    CHECK(differing(ThreadRow<W>::unit(at), [&](std::size_t i) { return static_cast<int>(i) == at ? 1.f : 0.f; }) == 0);
    CHECK(differing(x.head(at, 9.f), [&](std::size_t i) { return static_cast<int>(i) < at ? a[i] : 9.f; }) == 0);
  }
  std::vector<float> stored(W + 1);
  x.store(stored.data() + 1);  // need not be aligned
  CHECK(std::equal(a.begin(), a.end(), stored.begin() + 1));
  CHECK(differing(ThreadRow<W>::load(stored.data() + 1), [&](std::size_t i) { return a[i]; }) == 0);

  ThreadRow<W> squares = x;
  squares.fma_square(0.5f, y);
  DoubleRow<W> doubles{};
  doubles.fma(2., x);
  doubles.fma_square(0.5, y);
  double dots = 0, sums = 0;
  int wrong = 0;
  for (std::size_t i = 0; i < W; ++i) {
    const double square = std::pow(static_cast<double>(b[i]) / 2, 2), expected = 2 * static_cast<double>(a[i]) + square;
    wrong += std::abs(doubles.get(static_cast<int>(i)) - expected) > 1e-14 * 16;
    wrong += std::abs(static_cast<double>(squares.get(static_cast<int>(i))) - (static_cast<double>(a[i]) + square)) > 4e-6;
    dots += expected * expected;
    sums += expected;
  }
  CHECK(wrong == 0);
  CHECK(dot(doubles, doubles) == doctest::Approx(dots).epsilon(1e-12));
  CHECK(std::abs(sum(doubles) - sums) < 1e-11);
}

/// The largest error of exp on [from, to], in units in the last place of the result.
double worst_ulps(float from, float to) {
  constexpr int kStrip = ThreadLanes::kStrip;
  double worst = 0;
  for (int i = 0; i < 200'000; i += kStrip) {
    ThreadLanes::F x{};
    for (int k = 0; k < kStrip; ++k) x[k] = from + (to - from) * static_cast<float>(i + k) / 200'000;
    const ThreadLanes::F y = ThreadLanes::exp(x);
    for (int k = 0; k < kStrip; ++k) {
      const double expected = std::exp(static_cast<double>(x[k]));
      const float rounded = static_cast<float>(expected);
      worst = std::max(worst, std::abs(static_cast<double>(y[k]) - expected) / static_cast<double>(std::nextafterf(rounded, HUGE_VALF) - rounded));
    }
  }
  return worst;
}

template <int N>
float sum_of_powers() {
  typename Simd<N>::F v{};
  for (int i = 0; i < N; ++i) v[i] = static_cast<float>(1 << i);
  return sum_of<N>(v);
}

}  // namespace

TEST_SUITE("params") {
  TEST_CASE("row algebra is that of scalar loops") {
    check_width<16>();
    check_width<32>();
    check_width<64>();
    check_width<128>();
    check_width<256>();
  }

  TEST_CASE("row functions are those of scalar loops") {
    check_functions<16>();
    check_functions<32>();
    check_functions<64>();
    check_functions<128>();
  }

  TEST_CASE("lanes: exp is within 2 units in the last place, 0 below, and has no infinity") {
    CHECK(worst_ulps(-87.f, 88.f) < 2);
    CHECK(worst_ulps(-1.f, 1.f) < 2);
    const auto at = [](float x) { return ThreadLanes::get(ThreadLanes::exp(ThreadLanes::broadcast(x)), 0); };
    CHECK(at(0) == 1);
    CHECK(at(-87.5f) == 0);
    CHECK(at(-HUGE_VALF) == 0);
    CHECK(at(-1e30f) == 0);
    CHECK(at(1e30f) == at(88));
    CHECK(std::isnan(at(NAN)));
  }

  TEST_CASE("lanes: a sum takes each lane once") {
    CHECK(sum_of_powers<4>() == 15);
    CHECK(sum_of_powers<8>() == 255);
    CHECK(sum_of_powers<16>() == 65535);
    ThreadLanes::F v = ThreadLanes::broadcast(2.5f);
    for (int i = 0; i < ThreadLanes::kStrip; ++i) CHECK(ThreadLanes::get(v, i) == 2.5f);
    CHECK(ThreadLanes::sum(v) == 2.5f * ThreadLanes::kStrip);
    ThreadLanes::put(v, 1, -1.f);
    CHECK(ThreadLanes::sum(v) == 2.5f * (ThreadLanes::kStrip - 1) - 1);
  }
}
