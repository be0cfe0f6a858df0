// Law: where no update may be lost, sums are exact.
#include <atomic>
#include <memory>

#include <doctest/doctest.h>

#include "modes/mode.hpp"
#include "shm/hot_sum.hpp"
#include "teams/team.hpp"
#include "window.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Modes that say that an update may be lost. A new mode has to keep them all, or be named here.
bool may_lose(Mode mode, int workers) { return mode == Mode::hogwild && workers > 1; }

constexpr std::size_t kExamples = scaled(60'000, 4'000);

/// Atomic adds of which every thousandth goes nowhere.
template <class Rule>
struct Dropping : Atomic<Rule> {
  static inline std::atomic<std::uint64_t> moves{0};
  template <class V>
  void move(float* cell, std::size_t far, V old, float a, float b, V x) const {
    if (moves.fetch_add(1, std::memory_order_relaxed) % 1000 != 999) Atomic<Rule>::move(cell, far, old, a, b, x);
  }
};

/// Every thousandth store comes late: after the next update of its cell, which it so overwrites. What a race of loads
/// and stores does, here by one worker at known moments.
template <class Rule>
struct Overtaken : Relaxed<Rule> {
  static inline std::uint64_t moves = 0;
  static inline float* late_cell = nullptr;
  static inline float late_value = 0;
  template <class V>
  void move(float* cell, std::size_t far, V old, float a, float b, V x) const {
    if constexpr (std::is_same_v<V, float>)
      if (!late_cell && ++moves % 1000 == 0) {
        late_cell = cell;
        late_value = this->rule.next(old, a, b, x);
        return;
      }
    Relaxed<Rule>::move(cell, far, old, a, b, x);
    if (cell == late_cell) {
      shared_cell::put<float>(cell, late_value);
      late_cell = nullptr;
    }
  }
};

template <bool kWhole>
Result count(const Kernel& kernel, const Dataset& data, Mode mode, int workers, TeamName team) {
  const auto backend = shm::make_backend(counting_options(mode, workers, team));
  return fit({.kernel = kernel, .train = data}, counting_options(mode, workers, team), *backend);
}

/// What two workers leave in a cell that both read as 0 before either adds its 1 to it.
template <class Access, class V>
float interleaved() {
  alignas(64) float cells[16] = {};
  Access access{};
  access.rule.rate = 1;
  const V mine = access.template get<V>(cells), others = access.template get<V>(cells);
  V one{};
  one = one + 1.f;
  access.template move<V>(cells, 1, others, 0.f, -1.f, one);
  access.template move<V>(cells, 1, mine, 0.f, -1.f, one);
  return cells[sizeof(V) / sizeof(float) - 1];
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("no mode but hogwild loses an update of a hot row") {
    const Dataset data = hot_examples(kExamples);
    const Kernel each = make_kernel(HotSum<false>{}, data, "each"), whole = make_kernel(HotSum<true>{}, data, "whole");
    for_each_team([&](TeamName team) {
      for (const auto& mode : kModes)
        for (const int workers : {1, 2, 4}) {
          if (may_lose(mode.value, workers)) continue;
          CAPTURE(std::string(name_of(kTeams, team)));
          CAPTURE(std::string(mode.name));
          CAPTURE(workers);
          CHECK(wrong_sums(count<false>(each, data, mode.value, workers, team).parameters, data) == 0);
          CHECK(wrong_sums(count<true>(whole, data, mode.value, workers, team).parameters, data) == 0);
        }
    });
  }

  TEST_CASE("nor does it where all examples are dense, strip by strip") {
    Columns columns;
    columns.name = "dense";
    columns.width = 37;
    for (std::size_t i = 0; i < kExamples; ++i) columns.labels.push_back(static_cast<float>(i));
    columns.values.assign(kExamples * columns.width, 1.f);
    const Dataset data = Dataset::train(std::move(columns), 1);
    const Kernel kernel = make_kernel(HotSum<true>{}, data, "dense");
    for (const auto& mode : kModes)
      if (!may_lose(mode.value, 3)) {
        CAPTURE(std::string(mode.name));
        CHECK(wrong_sums(count<true>(kernel, data, mode.value, 3, TeamName::threads).parameters, data) == 0);
      }
  }

  TEST_CASE("mutant: an atomic access that drops every 1000th add breaks the law") {
    const Dataset data = hot_examples(kExamples);
    Kernel kernel = make_kernel(HotSum<false>{}, data, "mutant");
    kernel.step[static_cast<std::size_t>(AccessKind::atomic)] = detail::steps<HotSum<false>, Dropping<Sgd>>;
    CHECK(wrong_sums(count<false>(kernel, data, Mode::atomic, 2, TeamName::threads).parameters, data) > 0);
  }

  TEST_CASE("mutant: loads and stores that another worker overtakes break the law") {
    const Dataset data = hot_examples(kExamples);
    Kernel kernel = make_kernel(HotSum<false>{}, data, "mutant");
    kernel.step[static_cast<std::size_t>(AccessKind::atomic)] = detail::steps<HotSum<false>, Overtaken<Sgd>>;
    CHECK(wrong_sums(count<false>(kernel, data, Mode::atomic, 1, TeamName::threads).parameters, data) > 0);
  }

  TEST_CASE("between a read and its write: atomic keeps the other worker's update, relaxed loses it") {
    using F = ThreadLanes::F;
    CHECK(interleaved<Atomic<Sgd>, float>() == 2);
    CHECK(interleaved<Atomic<Sgd>, F>() == 2);
    CHECK(interleaved<Relaxed<Sgd>, float>() == 1);
    CHECK(interleaved<Relaxed<Sgd>, F>() == 1);
  }

  TEST_CASE("mutant: a cached mode whose workers do not settle breaks the law") {
    const Dataset data = hot_examples(kExamples);
    const Kernel kernel = make_kernel(HotSum<false>{}, data, "cached");
    const auto wrong = [&](bool settles) {
      Parameters parameters(kernel.layout, MemoryKind::shareable);
      const shm::HotRows plan(kernel, data, {.updates = 8});
      shm::BlockLocks locks(plan.blocks.size());
      const auto team = shm::make_team(TeamName::threads, 2, PinName::none);
      ChunkQueue queue(data.size(), 128);
      queue.open(team->size());
      team->run([&](int) {
        shm::Window window(plan, locks, parameters);
        window.refresh();
        ChunkQueue::Cursor cursor(queue);
        for (Range range; cursor.next(range);)
          for (std::size_t i = range.begin; i < range.end; i += 8) {
            kernel.step_of(AccessKind::relaxed)(kernel.model.get(),
                                                {.cells = parameters.cells(window.data()), .rate = 1}, data.examples(),
                                                i, std::min(range.end, i + 8));
            window.tick();
          }
        if (settles) window.settle();
      });
      return wrong_sums(parameters, data);
    };
    CHECK(wrong(true) == 0);
    CHECK(wrong(false) > 0);
  }
}
