// Laws of telemetry: it changes nothing, finds nothing where there is nothing, and counts exactly what is done to it.
#include <chrono>
#include <functional>
#include <thread>

#include <doctest/doctest.h>

#include <sounder/model/logistic.hpp>
#include <sounder/shm/topology.hpp>
#include <sounder/train/probe.hpp>

#include "modes/mode.hpp"
#include "shm/hot_sum.hpp"
#include "wait.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Calls what the test wants in the middle of a step, and in the middle of a rehearsal. `kWidth` 16: rows are read
/// before the step writes; 1: beside each write.
template <int kWidth>
struct Meddled {
  static constexpr Table<kWidth, 0> rows{};
  const std::function<void()>* in_step = nullptr;
  const std::function<void()>* in_loss = nullptr;

  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = kWidth, .space = 0}}; }
  void step(auto&, const Example&) const { (*in_step)(); }
  double loss(auto&, const Example&) const { return (*in_loss)(), 1; }
  double predict(auto&, const Example&) const { return 0; }
  template <class F>
  void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids[j]);
  }
};

/// Two workers in one thread, so that what happens inside whose step is known.
template <int kWidth>
struct Meeting {
  std::function<void()> in_step = [] {}, in_loss = [] {};
  Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(400, {0}));
  Kernel kernel = make_kernel(Meddled<kWidth>{&in_step, &in_loss}, data, "meddled");
  Parameters parameters{kernel.layout};
  Probes probes{kernel, data, 2};
  AccessKind access = AccessKind::relaxed;

  void run(int worker, std::size_t begin, std::size_t end) {
    kernel.step_of(access)(kernel.model.get(), {.cells = parameters.cells(), .rate = 1, .probe = &probes.of(worker)}, data.examples(), begin, end);
  }
  /// Worker 0 up to where it enters its first window; then 16 examples inside of it.
  void run_to_window() {
    run(0, 0, 100);
    run(0, 100, 116);
  }
  void run_window() { run(0, 116, 132); }
};

/// A run that is long enough for windows, on few cores too.
Result measured(const Kernel& kernel, const Dataset& data, Mode mode, int threads, int epochs, TelemetryName telemetry = TelemetryName::on) {
  Options options = options_for(mode, epochs, threads);
  options.pin = PinName::core;
  options.telemetry = telemetry;
  return train(kernel, data, options);
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("telemetry does not change the result of one worker, in any mode and model, and finds nothing there") {
    if (kThreadSanitizer) return skip("slow, and of one thread");
    for (const auto& model : kModels) {
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data);
      for (const auto& mode : kModes) {
        CAPTURE(std::string(model.name));
        CAPTURE(std::string(mode.name));
        const Result off = measured(kernel, data, mode.value, 1, 2, TelemetryName::off), on = measured(kernel, data, mode.value, 1, 2);
        CHECK(on.digest == off.digest);
        CHECK_FALSE(off.telemetry.on);
        const Telemetry& t = on.telemetry;
        REQUIRE(t.on);
        CHECK(t.staleness.max() == 0);
        if (mode.value != Mode::serial && shm::entry_of(mode.value).gathers) {
          CHECK(t.lost_rate().value_or(0) == 0);
          continue;
        }
        CHECK(t.staleness.count() >= 16);  // it has looked
        CHECK(t.conflict_rate() == 0);
        CHECK(t.lost_rate() == 0);
        CHECK(t.hottest.size() >= 5);
      }
    }
  }

  TEST_CASE("the digest tells when an example is stepped on twice, or cut out of the group of its intercept") {
    const Dataset data = small_set(ModelName::logistic);
    Kernel kernel = builtin_kernel({}, data);
    const std::string right = measured(kernel, data, Mode::serial, 1, 1).digest;
    static StepFunction::Pointer good;
    good = detail::steps<Logistic, Relaxed<Sgd>>;
    kernel.step[static_cast<std::size_t>(AccessKind::relaxed)] = [](const void* model, const StepContext& context, const Examples& all,
                                                                    std::size_t begin, std::size_t end) {
      if (!context.watched) return good(model, context, all, begin, end);
      good(model, context, all, begin, begin + 1);
      good(model, context, all, begin + 1, end);
    };
    CHECK(measured(kernel, data, Mode::serial, 1, 1).digest != right);
  }

  TEST_CASE("the examples of the workers sum to those of the run, and their seconds to those of the rounds") {
    const Dataset data = hot_examples(3'011);
    const Kernel kernel = make_kernel(HotSum<true>{}, data, "sums");
    for (const auto& mode : kModes)
      for (const int threads : {1, 2, 3}) {
        CAPTURE(std::string(mode.name));
        CAPTURE(threads);
        const Result result = measured(kernel, data, mode.value, threads, 3);
        const Telemetry& t = result.telemetry;
        CHECK(t.workers.size() == static_cast<std::size_t>(mode.value == Mode::serial ? 1 : threads));
        CHECK(t.examples() == result.curve.back().examples);
        for (const WorkerTelemetry& worker : t.workers) {
          CHECK(worker.compute_seconds + worker.wait_seconds ==
                doctest::Approx(t.workers[0].compute_seconds + t.workers[0].wait_seconds));
          CHECK(worker.compute_seconds + worker.wait_seconds <= result.seconds);
          CHECK(worker.wait_seconds >= 0);
        }
        CHECK(t.compute_seconds() > 0);
      }
  }

  TEST_CASE("staleness is the number of updates by others inside of one step") {
    for (const std::size_t others : {0, 1, 5}) {
      CAPTURE(others);
      Meeting<1> meeting;
      meeting.run_to_window();
      bool inside = false;
      meeting.in_step = [&] {
        if (std::exchange(inside, true)) return;  // a step of worker 1
        for (std::size_t i = 0; i < others; ++i) meeting.run(1, i, i + 1);
        inside = false;
      };
      meeting.run_window();
      const Histogram seen = meeting.probes.telemetry().workers[0].staleness;
      CHECK(seen.count() == 2);  // each 8th of 16
      CHECK(seen.quantile(0.01) == others);
      CHECK(seen.max() == others);
    }
  }

  TEST_CASE("a conflict is a cell that changes between the read and the write of a rehearsal") {
    for (const bool change : {false, true}) {
      Meeting<16> meeting;
      meeting.run_to_window();
      float* const cell = &meeting.parameters.row(0, 0)[9];
      meeting.in_loss = [&] {
        if (change) shared_cell::put<float>(cell, shared_cell::get<float>(cell) + 1);
      };
      meeting.run_window();
      const Telemetry t = meeting.probes.telemetry();
      CHECK(t.rehearsed == 2);
      CHECK(t.conflicted == (change ? 2 : 0));
      REQUIRE(t.hottest.size() == 1);
      CHECK(t.hottest[0] == HotLine{.table = 0, .features = {0}, .share = 1, .conflicts = t.conflicted});
    }
  }

  TEST_CASE("the audit counts a write that another overwrites: all of them with loads and stores, none with atomic adds") {
    for (const AccessKind access : {AccessKind::relaxed, AccessKind::atomic})
      for (const std::uint64_t others : {0, 1, 3}) {
        CAPTURE(std::string(name_of(kAccessKinds, access)));
        CAPTURE(others);
        Meeting<16> meeting;  // wide: cells are read ahead of the step
        meeting.access = access;
        meeting.run_to_window();
        bool inside = false;
        meeting.in_step = [&] {
          if (std::exchange(inside, true)) return;
          for (std::size_t i = 0; i < others; ++i) meeting.run(1, i, i + 1);
          inside = false;
        };
        meeting.run_window();
        const Telemetry t = meeting.probes.telemetry();
        CHECK(t.audited == 16 * (1 + others));
        CHECK(t.kept == (access == AccessKind::atomic ? t.audited : 16));
      }
  }

  TEST_CASE("no mode but hogwild loses an audited write") {
    const Dataset data = hot_examples(4'000);
    const Kernel kernel = make_kernel(HotSum<false>{}, data, "sums");
    for (const auto& mode : kModes)
      for (const int threads : {2, 4}) {
        if (mode.value == Mode::hogwild || (mode.value != Mode::serial && shm::entry_of(mode.value).gathers)) continue;
        CAPTURE(std::string(mode.name));
        CAPTURE(threads);
        std::uint64_t audited = 0;
        for (int attempt = 0; attempt < 50 && audited == 0; ++attempt) {  // of worker 0, who opens the windows, others may take all
          const Telemetry t = measured(kernel, data, mode.value, threads, 3).telemetry;
          audited = t.audited;
          CHECK(t.kept == t.audited);
        }
        CHECK(audited > 0);
      }
  }

  TEST_CASE("two workers of hogwild on hot rows are seen to meet, and to lose writes") {
    if (shm::usable_cpus().size() < 2) return skip("one core: workers do not meet inside a step");
    if (kThreadSanitizer) return skip("slow: the exact tests above ran");
    const Dataset data = Dataset::train(load("synthetic:zipf,features=4000,nonzeros=50,examples=20000"), 1);
    const Kernel kernel = builtin_kernel({}, data);
    bool lost = false, met = false, stale = false;
    for (int attempt = 0; attempt < 30 && !(lost && met && stale); ++attempt) {  // other programs may hold a core
      const Telemetry t = measured(kernel, data, Mode::hogwild, 2, 20).telemetry;
      lost |= t.lost_rate() > 0;
      met |= t.conflict_rate() > 0;
      stale |= t.staleness.max() > 0;
    }
    CHECK(lost);
    CHECK(met);
    CHECK(stale);
  }

  TEST_CASE("copies that are published are as stale as the updates in between") {
    Meeting<1> meeting;
    Probe& probe = meeting.probes.of(0);
    meeting.run(0, 0, 10);
    probe.published();  // a period begins
    meeting.run(1, 0, 30);
    meeting.run(0, 10, 20);
    probe.published();
    CHECK(probe.staleness().count() == 1);
    CHECK(probe.staleness().max() == 30);
    meeting.run(1, 30, 60);  // not in a sampled period
    probe.published();
    CHECK(probe.staleness().count() == 1);
  }

  TEST_CASE("waiting inside of a mode is not computing") {
    const Dataset data = examples_of({{0}, {1}});
    const Kernel kernel = make_kernel(HotSum<true>{}, data, "sums");
    Probes probes(kernel, data, 1);
    SerialTeam team;
    constexpr std::chrono::milliseconds kNap(3);
    const auto nap_seconds = std::chrono::duration<double>(kNap).count();
    probes.run(team, [&](int worker) {
      const shm::Waiting waiting(&probes, worker);
      std::this_thread::sleep_for(kNap);
    });
    CHECK(probes.telemetry().wait_seconds() >= nap_seconds);
    // The same without the guard. Between two looks at the clock the system may take the core away: not every time.
    double least = nap_seconds;
    for (int attempt = 0; attempt < 20 && least >= nap_seconds; ++attempt) {
      const double waited = probes.telemetry().wait_seconds(), computed = probes.telemetry().compute_seconds();
      probes.run(team, [&](int) { std::this_thread::sleep_for(kNap); });
      CHECK(probes.telemetry().compute_seconds() >= computed + nap_seconds);
      least = probes.telemetry().wait_seconds() - waited;
    }
    CHECK(least < nap_seconds);
    const shm::Waiting off(static_cast<Probes*>(nullptr), 0);  // telemetry is off
  }
}
