// Law: under `locked` no two steps that share a row run at the same time.
#include <atomic>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include "support.hpp"
#include "teams/team.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Who is in which row, and how often somebody came into a row that was taken.
struct Rows {
  explicit Rows(std::size_t rows) : taken(rows) {}
  std::vector<std::atomic<int>> taken;
  std::atomic<std::uint64_t> overlaps{0}, steps{0};
  std::atomic<int> arrived{0};
  int workers = 1;
  int patience = 0;  ///< how often a step gives way, inside, to others who might come in
};

/// Each step marks its rows as taken while it runs. Before its first step a worker waits for the others, so that all
/// of them step at the same time: in touches(), where it has no locks yet, or in the step itself if none are taken.
struct Marking {
  static constexpr Table<1, 0> weights{};
  Rows* rows = nullptr;
  bool* met = nullptr;  ///< whether this worker has waited for the others
  bool locks = true;    ///< whether the steps run under locks

  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  template <class V>
  void step(V& view, const Example& x) const {
    if (!locks) meet();
    for (std::uint32_t j = 0; j < x.size; ++j) rows->overlaps += rows->taken[x.ids[j]].exchange(1) != 0;
    const std::uint64_t number = rows->steps.fetch_add(1);
    const int patience = number < 64 ? rows->patience : 0;  // enough of it, once
    for (int i = 0; i < patience && rows->overlaps == 0; ++i) std::this_thread::yield();
    view.descend(weights, x, RowFactor{}, -1.f);
    for (std::uint32_t j = 0; j < x.size; ++j) rows->taken[x.ids[j]] = 0;
  }
  template <class V>
  double loss(V&, const Example&) const {
    return 1;
  }
  template <class V>
  double predict(V&, const Example&) const {
    return 0;
  }
  template <class F>
  void touches(const Example& x, F f) const {
    meet();
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids[j]);
  }

 private:
  void meet() const {
    if (*met) return;
    *met = true;
    ++rows->arrived;
    while (rows->arrived < rows->workers) std::this_thread::yield();
  }
};

/// Rows 0 to 3 in every third example, in different orders of the input; row 4 + i % 2 in all.
Dataset crossing_examples() {
  std::vector<std::vector<std::uint32_t>> ids;
  for (std::uint32_t i = 0; i < scaled(30'000, 6'000); ++i) ids.push_back({i % 3, 3, 4 + i % 2, 10 + i});
  return examples_of(ids);
}

std::uint64_t overlaps(const Dataset& data, bool takes_locks, int workers, int patience) {
  Rows rows(data.features());
  rows.workers = workers;
  rows.patience = patience;
  Parameters parameters(Marking{}.layout(data));
  RowLocks locks(parameters.layout());
  const auto team = shm::make_team(TeamName::threads, workers, PinName::none);
  team->run([&](int worker) {  // every worker steps on all examples, each from another place on
    bool met = false;
    const Marking model{.rows = &rows, .met = &met, .locks = takes_locks};
    const std::size_t start = data.size() * static_cast<std::size_t>(worker) / static_cast<std::size_t>(workers);
    RowLocks::Held held(locks);
    const StepContext context{.cells = parameters.cells(), .rate = 1, .held = takes_locks ? &held : nullptr};
    const StepFunction step = detail::steps<Marking, Relaxed<Sgd>>;
    step(&model, context, data.examples(), start, data.size());
    step(&model, context, data.examples(), 0, start);
  });
  CHECK(rows.steps == data.size() * static_cast<std::size_t>(workers));
  return rows.overlaps;
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("locked: no two steps are in one row at the same time") {
    const Dataset data = crossing_examples();
    for (const int workers : {2, 4}) CHECK(overlaps(data, true, workers, 50) == 0);
  }

  TEST_CASE("mutant: locks that are not taken are seen") {
    // Both workers are before their first step, then each waits inside of one until the other has come in too.
    CHECK(overlaps(crossing_examples(), false, 2, 1 << 30) > 0);
  }
}
