// Mode `replicated` with its other replicas, and the guarded sum of rows that hold rule state.
#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "shm/hot_sum.hpp"
#include "window.hpp"

using namespace sounder;
using namespace sounder::test;

TEST_SUITE("shm") {
  TEST_CASE("replicated: every kind of replica learns as much as serial") {
    const Dataset data = small_set(ModelName::logistic);
    for (const RuleName rule : {RuleName::sgd, RuleName::adagrad}) {
      CAPTURE(std::string(name_of(kRules, rule)));
      const Kernel kernel = builtin_kernel({.model = ModelName::logistic, .l2 = 1e-3}, data, rule);
      Options options = options_for(Mode::serial, 10, 4);
      options.rule = rule;
      options.merge_every = 16;  // often in a round, however the workers are scheduled
      const double serial = train(kernel, data, options).curve.back().train_loss;
      for (const Mode mode : {Mode::replicated, Mode::cached})
        for (const auto& replica : kReplicas) {
          CAPTURE(std::string(replica.name));
          options.mode = mode;
          options.replica = replica.value;
          CHECK(train(kernel, data, options).curve.back().train_loss < 1.05 * serial);
        }
    }
  }

  TEST_CASE("modes that add up movements refuse rules whose state is no sum, and say what to do") {
    for (const Mode mode : {Mode::replicated, Mode::cached})
      for (const RuleName rule : {RuleName::ftrl, RuleName::momentum, RuleName::adam}) {
        Options options = options_for(mode, 1, 2);
        options.rule = rule;
        CHECK_THROWS_AS(shm::make_backend(options), Error);
        CHECK(shm::refusal(options).find("use another --rule") != std::string::npos);
      }
  }

  TEST_CASE("weight masks: 1 for weights, 0 for the states beside them, null where there are none") {
    const Layout plain{{.rows = 100, .width = 1}, {.rows = 10, .width = 16}};
    CHECK(shm::WeightMasks(plain).of(0) == nullptr);
    for (const int states : {1, 2, 3}) {
      const Layout layout = plain.with_states(states);
      const shm::WeightMasks masks(layout);
      for (std::size_t t = 0; t < 2; ++t)
        for (std::size_t at = 0; at < layout.shape(t).rows * layout.stride(t); at += kBlockFloats)
          for (std::size_t k = 0; k < kBlockFloats; ++k) {
            const bool weight = (at + k) % layout.stride(t) < static_cast<std::size_t>(layout.shape(t).width);
            REQUIRE(masks.of(layout.offset(t) + at)[k] == (weight ? 1.f : 0.f));
          }
    }
  }

  TEST_CASE("guarded sum: states are added up whatever the guard does, and do not wake it") {
    const Layout layout = Layout{{.rows = 32, .width = 1}}.with_states(1);
    const shm::WeightMasks masks(layout);
    alignas(64) float shared[kBlockFloats] = {}, own[kBlockFloats] = {};
    GuardedSumBlock block;
    block.theta = 1;
    for (std::size_t k = 0; k < kBlockFloats; ++k) shared[k] = own[k] = 1;  // both moved everything by 1
    merge_guarded_sum(shared, own, block, masks.of(0));
    for (std::size_t k = 0; k < kBlockFloats; ++k) CHECK(shared[k] == (k % 2 ? 2.f : 2.f - 0.875f));

    GuardedSumBlock swinging;  // states that go to and fro are no overshoot
    for (int i = 0; i < 8; ++i) {
      for (std::size_t k = 1; k < kBlockFloats; k += 2) own[k] = swinging.base[k] + (i % 2 ? 1.f : -1.f);
      for (std::size_t k = 0; k < kBlockFloats; k += 2) own[k] = swinging.base[k];
      merge_guarded_sum(shared, own, swinging, masks.of(0));
    }
    CHECK(swinging.theta == 0);
    for (int i = 0; i < 8; ++i) {  // the power of it: without the mask they are
      for (std::size_t k = 1; k < kBlockFloats; k += 2) own[k] = swinging.base[k] + (i % 2 ? 1.f : -1.f);
      merge_guarded_sum(shared, own, swinging);
    }
    CHECK(swinging.theta > 0);
  }
}
