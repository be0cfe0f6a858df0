// Law: where no update may be lost, sums are exact.
#include <atomic>
#include <memory>
#include <span>

#include <doctest/doctest.h>

#include <sounder/params/merge/mean.hpp>

#include "modes/mode.hpp"
#include "shm/hot_sum.hpp"
#include "teams/team.hpp"
#include "window.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// A mode keeps all updates unless it declares otherwise.
bool may_lose(Mode mode, int workers) {
  return workers > 1 && mode != Mode::serial && shm::entry_of(mode).sums == shm::Sums::lossy;
}

constexpr std::size_t kExamples = scaled(20'000, 4'000);

/// Whole numbers that say how often each row was moved: of modes that average, the sum over the workers' equal shards.
std::size_t wrong(Parameters& parameters, const Dataset& data, Mode mode, int workers) {
  if (mode != Mode::serial && shm::entry_of(mode).sums == shm::Sums::averaged)
    for (float& cell : std::span(parameters.memory().data(), parameters.memory().floats())) cell *= static_cast<float>(workers);
  return wrong_sums(parameters, data);
}

/// Modes that wait or publish for each example, as at --batch 1, get fewer.
const Dataset& data_of(Mode mode, const Dataset& large, const Dataset& small) {
  if (mode == Mode::serial) return large;
  const shm::ModeEntry entry = shm::entry_of(mode);
  return entry.together || entry.batches ? small : large;
}

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
  TEST_CASE("no mode loses an update of a hot row unless it says so") {
    const Dataset large = hot_examples(kExamples), small = hot_examples(2000);
    for_each_team([&](TeamName team) {
      for_each_mode(team, [&](const Named<Mode>& mode) {
        for (const int workers : {1, 2, 4}) {
          if (may_lose(mode.value, workers)) continue;
          CAPTURE(std::string(name_of(kTeams, team)));
          CAPTURE(std::string(mode.name));
          CAPTURE(workers);
          const Dataset& data = data_of(mode.value, large, small);
          const Kernel each = make_kernel(HotSum<false>{}, data, "each"), whole = make_kernel(HotSum<true>{}, data, "whole");
          Result result = count<false>(each, data, mode.value, workers, team);
          CHECK(wrong(result.parameters, data, mode.value, workers) == 0);
          result = count<true>(whole, data, mode.value, workers, team);
          CHECK(wrong(result.parameters, data, mode.value, workers) == 0);
        }
      });
    });
  }

  TEST_CASE("nor does it where all examples are dense, strip by strip") {
    const auto dense = [](std::size_t count) {
      Columns columns;
      columns.name = "dense";
      columns.width = 37;
      for (std::size_t i = 0; i < count; ++i) columns.labels.push_back(static_cast<float>(i));
      columns.values.assign(count * columns.width, 1.f);
      return Dataset::train(std::move(columns), 1);
    };
    const Dataset large = dense(kExamples), small = dense(2000);
    for (const auto& mode : kModes)
      if (!may_lose(mode.value, 4)) {
        CAPTURE(std::string(mode.name));
        const Dataset& data = data_of(mode.value, large, small);
        Result result = count<true>(make_kernel(HotSum<true>{}, data, "dense"), data, mode.value, 4, TeamName::threads);
        CHECK(wrong(result.parameters, data, mode.value, 4) == 0);
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

  TEST_CASE("mutant: a mean that forgets one worker breaks the law") {
    constexpr std::size_t kWorkers = 4;
    std::vector<std::vector<float>> copies(kWorkers, std::vector<float>(100, 25.f));  // each has counted its quarter
    std::vector<const float*> pointers;
    for (const auto& copy : copies) pointers.push_back(copy.data());
    std::vector<float> mean(100);
    const auto wrong_means = [&](std::size_t workers) {
      merge_mean(std::span(pointers).first(workers), std::vector<float>(workers, 1.f / kWorkers), mean);
      return std::ranges::count_if(mean, [&](float cell) { return cell * kWorkers != 100; });
    };
    CHECK(wrong_means(kWorkers) == 0);
    CHECK(wrong_means(kWorkers - 1) == 100);
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
