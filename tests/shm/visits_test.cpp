// Law: every mode visits every example exactly once an epoch, with any team and number of workers.
#include <atomic>
#include <memory>

#include <doctest/doctest.h>

#include "modes/mode.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Counts the visits of each example; the label of an example is its number.
struct Counting {
  static constexpr Table<1, 0> weights{};
  std::atomic<std::uint32_t>* visits = nullptr;

  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  template <class V>
  void step(V& view, const Example& x) const {
    visits[static_cast<std::size_t>(x.label)].fetch_add(1, std::memory_order_relaxed);
    view.descend(weights, x, RowFactor{}, -1e-6f);  // so that modes have something to merge
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
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids[j]);
  }
};

/// At each point: how many examples have not been visited as often as there were epochs.
struct Auditor final : Observer {
  Auditor(const std::vector<std::atomic<std::uint32_t>>& all, const Backend& by) : visits(all), backend(by) {}
  bool on_point(const Point& point) override {
    for (const auto& count : visits) wrong += count.load() != static_cast<std::uint32_t>(point.epoch * backend.visits());
    ++points;
    return true;
  }
  const std::vector<std::atomic<std::uint32_t>>& visits;
  const Backend& backend;
  std::size_t wrong = 0, points = 0;
};

/// Trains over three epochs; the number of examples visited too often or too rarely, summed over the epochs.
std::size_t wrong_visits(std::size_t count, const Options& options, void (*spoil)(Kernel&) = nullptr) {
  std::vector<std::vector<std::uint32_t>> ids;
  for (std::uint32_t i = 0; i < count; ++i) ids.push_back({0, 1 + i % 7, 10 + i});  // hot, warm, cold
  const Dataset data = examples_of(ids);
  std::vector<std::atomic<std::uint32_t>> visits(count);
  Kernel kernel = make_kernel(Counting{.visits = visits.data()}, data, "counting");
  if (spoil) spoil(kernel);
  Exchange alone;
  const auto backend = shm::make_backend(options);
  Auditor auditor(visits, *backend);
  const Result result = fit({.kernel = kernel, .train = data}, options, *backend, alone, auditor);
  CHECK(auditor.points == 4);
  CHECK(result.curve.back().examples == 3 * count * static_cast<std::size_t>(backend->visits()));
  return auditor.wrong;
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("every mode, team and number of workers visits each example once an epoch") {
    const std::size_t sizes[] = {1, 127, 1025, scaled(20011, 3011)};
    for_each_team([&](TeamName team) {
      for_each_mode(team, [&](const Named<Mode>& mode) {
        for (int workers = 1; workers <= 4; ++workers)
          for (const std::size_t size : sizes) {
            CAPTURE(std::string(name_of(kTeams, team)));
            CAPTURE(std::string(mode.name));
            CAPTURE(workers);
            CAPTURE(size);
            Options options = options_for(mode.value, 3, workers, team);
            CHECK(wrong_visits(size, options) == 0);
            options.data_per_worker = DataPerWorker::full;  // what averaged does with it: P visits each
            if (mode.value != Mode::serial && shm::entry_of(mode.value).sums == shm::Sums::averaged) CHECK(wrong_visits(size, options) == 0);
          }
      });
    });
  }

  TEST_CASE("the count catches a mode that skips or repeats one example of a piece") {
    const Options options = options_for(Mode::hogwild, 3, 2);
    constexpr auto relaxed = static_cast<std::size_t>(AccessKind::relaxed);
    CHECK(wrong_visits(1025, options, [](Kernel& kernel) {
            kernel.step[relaxed] = [](const void* model, const StepContext& context, const Examples& all,
                                      std::size_t begin, std::size_t end) {
              detail::steps<Counting, Relaxed<Sgd>>(model, context, all, begin, end - 1);
            };
          }) > 0);
    CHECK(wrong_visits(1025, options, [](Kernel& kernel) {
            kernel.step[relaxed] = [](const void* model, const StepContext& context, const Examples& all,
                                      std::size_t begin, std::size_t end) {
              detail::steps<Counting, Relaxed<Sgd>>(model, context, all, begin, end);
              if (begin == 0) detail::steps<Counting, Relaxed<Sgd>>(model, context, all, 0, 1);
            };
          }) > 0);
  }
}
