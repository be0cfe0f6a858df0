// Window: private memory over the hot heads, shared memory elsewhere; step by step, in one thread.
#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "shm/hot_sum.hpp"
#include "window.hpp"

using namespace sounder;
using namespace sounder::test;
using shm::BlockLocks;
using shm::HotRows;
using shm::Window;

namespace {

/// Two windows on the parameters of a model whose first page of each table is hot.
struct Two {
  Dataset data = hot_examples(8000);
  Kernel kernel = make_kernel(HotSum<true>{}, data, "sums");
  Parameters parameters{kernel.layout, MemoryKind::shareable};
  HotRows plan{kernel, data, {.updates = 16}};
  BlockLocks locks = BlockLocks(plan.blocks.size());
  float* shared = parameters.memory().data();
  Window one{plan, locks, parameters}, two{plan, locks, parameters};
  std::size_t cold = kPageFloats + 5;  ///< of the first table, behind its head
};

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("window: hot rows are private until merged, cold rows shared at once") {
    Two t;
    t.one.refresh();
    t.two.refresh();
    t.one.data()[0] = 3;
    t.one.data()[t.cold] = 7;
    CHECK(t.shared[0] == 0);
    CHECK(t.two.data()[0] == 0);
    CHECK(t.shared[t.cold] == 7);
    CHECK(t.two.data()[t.cold] == 7);
    t.two.data()[t.cold] = 8;
    CHECK(t.one.data()[t.cold] == 8);

    t.one.settle();
    CHECK(t.shared[0] == 3);
    CHECK(t.two.data()[0] == 0);
    t.two.data()[0] = 10;  // ten of its own, from 0
    t.two.settle();
    CHECK(t.shared[0] == 13);
    CHECK(t.two.data()[0] == 13);
    t.one.settle();  // has not moved: takes over
    CHECK(t.one.data()[0] == 13);
    CHECK(t.shared[0] == 13);
  }

  TEST_CASE("window: every cell of every table lies where it does in the parameters") {
    Two t;
    for (std::size_t i = 0; i < t.parameters.memory().floats(); i += 61) t.shared[i] = static_cast<float>(i);
    t.one.refresh();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < t.parameters.memory().floats(); ++i) wrong += t.one.data()[i] != t.shared[i];
    CHECK(wrong == 0);
  }

  TEST_CASE("window: refresh takes over what changed outside, and does not give it back as its own movement") {
    Two t;
    t.one.refresh();
    t.shared[0] = 5;
    CHECK(t.one.data()[0] == 0);
    t.one.refresh();
    CHECK(t.one.data()[0] == 5);
    t.one.settle();
    CHECK(t.shared[0] == 5);
  }

  TEST_CASE("window: tick merges each block once a period") {
    Two t;
    t.one.refresh();
    std::vector<int> merges(t.plan.blocks.size());
    const int ticks = 1 << t.plan.blocks.back().doublings;
    REQUIRE(ticks > 1);
    for (int tick = 0; tick < ticks; ++tick) {
      for (const auto& block : t.plan.blocks) t.one.data()[block.offset] += 1;
      t.one.tick();
      for (std::size_t i = 0; i < merges.size(); ++i)
        merges[i] += t.one.data()[t.plan.blocks[i].offset] == t.shared[t.plan.blocks[i].offset];
    }
    for (std::size_t i = 0; i < merges.size(); ++i) CHECK(merges[i] == ticks >> t.plan.blocks[i].doublings);
  }

  TEST_CASE("window: a block that another worker is merging keeps its movement for the next time") {
    Two t;
    t.one.refresh();
    REQUIRE(t.plan.blocks.front().doublings == 0);
    const std::size_t hottest = t.plan.blocks.front().offset;
    t.one.data()[hottest] += 4;
    t.locks[0] = 1;  // the other worker
    t.one.tick();
    CHECK(t.shared[hottest] == 0);
    CHECK(t.one.data()[hottest] == 4);
    t.locks[0] = 0;
    t.one.data()[hottest] += 1;
    t.one.tick();
    CHECK(t.shared[hottest] == 5);
    for (const auto& lock : t.locks) CHECK(lock == 0);
  }

  TEST_CASE("window: parameters that cannot be mapped are refused") {
    Two t;
    Parameters heap(t.kernel.layout, MemoryKind::heap);
    CHECK_THROWS_AS(Window(t.plan, t.locks, heap), Error);
  }
}
