// The laws of the guarded sum: exact where one side moved, a plain sum where nothing overshoots, stable where it would.
#include <bit>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/params/merge/guarded_sum.hpp>

using namespace sounder;

namespace {

constexpr std::size_t kN = kBlockFloats;

/// A shared block and what some workers keep of it.
struct Copies {
  explicit Copies(std::size_t workers) : blocks(workers) {
    for (std::size_t i = 0; i < workers; ++i) own.emplace_back();
  }
  struct Floats {
    alignas(64) float value[kN] = {};
  };
  Floats shared;
  std::vector<Floats> own;
  std::vector<GuardedSumBlock> blocks;

  void set_all(float (*f)(std::size_t)) {
    for (std::size_t k = 0; k < kN; ++k) {
      shared.value[k] = f(k);
      for (std::size_t i = 0; i < own.size(); ++i) own[i].value[k] = blocks[i].base[k] = f(k);
    }
  }
};

using Merge = void (*)(float* shared, float* own, GuardedSumBlock& block);

void guarded(float* shared, float* own, GuardedSumBlock& block) { merge_guarded_sum(shared, own, block); }

/// The mutant: everybody's movements, added.
void plain(float* shared, float* own, GuardedSumBlock& block) {
  for (std::size_t k = 0; k < kN; ++k) {
    shared[k] += own[k] - block.base[k];
    block.base[k] = own[k] = shared[k];
  }
}

/// The distance from the optimum that remains, in parts of that at the start, when workers descend a quadratic by
/// themselves and merge after `steps` steps each. The curvatures of the 64 coordinates spread over 1 to 1/32.
double remaining(Merge merge, int workers, int steps, double rate, int periods) {
  Copies copies(static_cast<std::size_t>(workers));
  copies.set_all([](std::size_t k) { return 1.f + static_cast<float>(k % 5); });
  const auto error = [](const float* w) {
    double sum = 0;
    for (std::size_t k = 0; k < kN; ++k) sum += static_cast<double>(w[k]) * static_cast<double>(w[k]);
    return std::sqrt(sum);
  };
  const double start = error(copies.shared.value);
  double worst = 0;
  for (int period = 0; period < periods; ++period) {
    for (auto& own : copies.own)  // all of them meanwhile ...
      for (std::size_t k = 0; k < kN; ++k)
        own.value[k] *= static_cast<float>(std::pow(1 - rate / static_cast<double>(1 + k / 2), steps));
    for (std::size_t i = 0; i < copies.own.size(); ++i)  // ... then one after the other
      merge(copies.shared.value, copies.own[i].value, copies.blocks[i]);
    worst = std::max(worst, error(copies.shared.value) / start);
    if (!(worst < 1e6)) return 1e6;
  }
  return error(copies.shared.value) / start;
}

}  // namespace

TEST_SUITE("params") {
  TEST_CASE("guarded sum: if the others did not move, shared becomes own") {
    Copies copies(1);
    Random random(61);
    copies.set_all([](std::size_t k) { return static_cast<float>(k) * 0.25f; });
    for (int period = 0; period < 20; ++period) {
      std::vector<float> wanted(kN);
      for (std::size_t k = 0; k < kN; ++k)  // multiples of 1/256: differences are exact
        copies.own[0].value[k] = wanted[k] = static_cast<float>(random.below(2001)) / 256 - 4;
      guarded(copies.shared.value, copies.own[0].value, copies.blocks[0]);
      CHECK(std::equal(wanted.begin(), wanted.end(), copies.shared.value));
      CHECK(std::equal(wanted.begin(), wanted.end(), copies.own[0].value));
      CHECK(std::equal(wanted.begin(), wanted.end(), copies.blocks[0].base));
    }
  }

  TEST_CASE("guarded sum: if own did not move, own becomes shared, to the bit, at any theta") {
    Random random(62);
    for (const float theta : {0.f, 0.5f, 1.f}) {
      Copies copies(1);
      copies.set_all([](std::size_t k) { return static_cast<float>(k) / 7; });
      copies.blocks[0].theta = theta;
      std::vector<float> wanted(kN);
      for (std::size_t k = 0; k < kN; ++k) copies.shared.value[k] = wanted[k] = static_cast<float>(random.normal());
      guarded(copies.shared.value, copies.own[0].value, copies.blocks[0]);
      CHECK(std::equal(wanted.begin(), wanted.end(), copies.shared.value));
      CHECK(std::equal(wanted.begin(), wanted.end(), copies.own[0].value));
    }
  }

  TEST_CASE("guarded sum: while theta is 0 it is the plain sum, and nothing is lost") {
    constexpr std::size_t kWorkers = 5;
    Copies copies(kWorkers);
    Random random(63);
    std::vector<float> total(kN);
    for (int period = 0; period < 50; ++period) {
      const std::size_t i = random.below(kWorkers);
      for (std::size_t k = 0; k < kN; ++k) {
        const auto steps = static_cast<float>(random.below(9));  // all the same way: no overshoot
        copies.own[i].value[k] += steps;
        total[k] += steps;
      }
      if (random.below(2)) guarded(copies.shared.value, copies.own[i].value, copies.blocks[i]);
    }
    for (std::size_t i = 0; i < kWorkers; ++i) guarded(copies.shared.value, copies.own[i].value, copies.blocks[i]);
    CHECK(std::equal(total.begin(), total.end(), copies.shared.value));
    for (const auto& block : copies.blocks) CHECK(block.theta == 0);
  }

  TEST_CASE("guarded sum: theta rises when own turns against the joint movement, and falls otherwise") {
    Copies copies(2);
    const auto move = [&](std::size_t worker, float by) {
      for (float& w : copies.own[worker].value) w += by;
      guarded(copies.shared.value, copies.own[worker].value, copies.blocks[worker]);
      return copies.blocks[worker].theta;
    };
    CHECK(move(0, 1) == 0);
    CHECK(move(0, -1) == 0.5f);  // against the movement before
    CHECK(move(0, -1) == 0.375f);
    CHECK(move(0, 1) == 0.875f);
    CHECK(move(0, -1) == 1);  // at most 1
    // Both did the same: at theta 1 - 1/8 that much of the common part is left out.
    const float before = copies.shared.value[0];
    CHECK(move(1, copies.shared.value[0] - copies.own[1].value[0] + 4) == 0);  // moves shared, too
    for (float& w : copies.own[0].value) w += copies.shared.value[0] - before;
    const float shared = copies.shared.value[0], a = copies.own[0].value[0] - copies.blocks[0].base[0];
    copies.blocks[0].theta = 1;
    for (float& m : copies.blocks[0].past) m = a;  // no turn
    guarded(copies.shared.value, copies.own[0].value, copies.blocks[0]);
    CHECK(copies.blocks[0].theta == 0.875f);
    CHECK(copies.shared.value[0] == doctest::Approx(shared + a * (1 - 0.875f)));
  }

  TEST_CASE("guarded sum: workers that all correct the same error stay stable where the plain sum diverges") {
    for (int workers = 2; workers <= 16; ++workers)
      for (const int steps : {2, 8, 32})
        for (const double rate : {0.3, 0.9}) {
          CAPTURE(workers);
          CAPTURE(steps);
          CAPTURE(rate);
          CHECK(remaining(guarded, workers, steps, rate, 400) < 1e-2);
        }
  }

  TEST_CASE("mutant: the plain sum diverges in the same trial") {
    int diverged = 0;
    for (int workers = 4; workers <= 16; ++workers) diverged += remaining(plain, workers, 32, 0.9, 400) > 1e3;
    CHECK(diverged == 13);
  }
}
