// Exchange: called around every round, once at the end; the backends see what it does to the parameters.
#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "modes/mode.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Counts visits, and adds 1 to row 0 in each step.
struct Counting {
  static constexpr Table<1, 0> weights{};
  std::atomic<std::uint32_t>* visits = nullptr;

  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  template <class V>
  void step(V& view, const Example& x) const {
    visits[static_cast<std::size_t>(x.label)].fetch_add(1, std::memory_order_relaxed);
    view.descend(weights, 0, view.read(weights, 0), 0.f, -1.f);
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
  void touches(const Example&, F f) const {
    f(0, 0);
  }
};

/// Writes down every call; adds 10'000 to row 0 before each round.
struct Recorder final : Exchange {
  int rounds_per_epoch() const override { return 4; }
  void begin(const Round& round, Parameters& parameters) override {
    in_order &= !inside && finished == 0 && round.index == begun && round.epoch == begun / 4 && round.rate == 1;
    inside = true;
    ++begun;
    parameters.row(0, 0)[0] += 10'000;
  }
  void end(const Round& round, Parameters& parameters) override {
    in_order &= inside && round.index == begun - 1;
    inside = false;
    at_end.push_back(parameters.row(0, 0)[0]);
  }
  void finish(Parameters& parameters) override {
    in_order &= !inside;
    ++finished;
    at_finish = parameters.row(0, 0)[0];
  }
  bool inside = false, in_order = true;
  int begun = 0, finished = 0;
  std::vector<float> at_end;
  float at_finish = 0;
};

struct Setup {
  static constexpr std::size_t kExamples = 3000;  // five chunks, the last one short: rounds of unequal size
  Setup() {
    options.step = 1;
    options.schedule = ScheduleName::constant;
  }
  Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(kExamples, {0, 1}));
  std::vector<std::atomic<std::uint32_t>> visits = std::vector<std::atomic<std::uint32_t>>(kExamples);
  Kernel kernel = make_kernel(Counting{.visits = visits.data()}, data, "counting");
  Options options = options_for(Mode::serial, 3, 2);
};

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("exchange: begin and end once a round, finish once, and every example still once an epoch") {
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      Setup s;
      s.options.mode = mode.value;
      s.options.batch = 1;  // the mean over a batch is not its sum
      Recorder recorder;
      Observer nobody;
      const auto backend = shm::make_backend(s.options);
      const Result result = fit({.kernel = s.kernel, .train = s.data}, s.options, *backend, recorder, nobody);
      CHECK(recorder.in_order);
      CHECK(recorder.begun == 12);
      CHECK(recorder.at_end.size() == 12);
      CHECK(recorder.finished == 1);
      std::size_t wrong = 0;
      for (const auto& count : s.visits) wrong += count != 3;
      CHECK(wrong == 0);
      CHECK(recorder.at_finish == result.parameters.row(0, 0)[0]);

      if (mode.value != Mode::serial && shm::entry_of(mode.value).sums != shm::Sums::exact) continue;
      // What begin changed was seen, and end saw all that the round did: 10'000 a round and 1 an example.
      CHECK(recorder.at_finish == 12 * 10'000 + 3 * Setup::kExamples);
      for (std::size_t round = 3; round < 12; round += 4)
        CHECK(recorder.at_end[round] == static_cast<float>((round + 1) * 10'000 + (round + 1) / 4 * Setup::kExamples));
    }
  }

  TEST_CASE("exchange: points count each example of several rounds once") {
    Setup s;
    Recorder recorder;
    Observer nobody;
    const auto backend = shm::make_backend(s.options);
    const Result result = fit({.kernel = s.kernel, .train = s.data}, s.options, *backend, recorder, nobody);
    for (const Point& point : result.curve)
      CHECK(point.examples == Setup::kExamples * static_cast<std::size_t>(point.epoch));
  }

  TEST_CASE("exchange: what it throws comes out of fit") {
    struct Throwing final : Exchange {
      void end(const Round& round, Parameters&) override {
        if (round.epoch == 1) throw Error("the network is gone");
      }
    };
    for (const auto& mode : kModes) {
      Setup s;
      s.options.mode = mode.value;
      Throwing exchange;
      Observer nobody;
      const auto backend = shm::make_backend(s.options);
      const Problem problem{.kernel = s.kernel, .train = s.data};
      CHECK_THROWS_WITH_AS(fit(problem, s.options, *backend, exchange, nobody), "the network is gone", Error);
      Exchange alone;  // and the backend can be used again
      CHECK(fit(problem, s.options, *backend, alone, nobody).stopped == Stopped::epochs);
    }
  }

  TEST_CASE("progress: another thread may ask what is taken while an epoch of several rounds runs") {
    struct Progress final : Observer {
      void on_epoch(int, const ChunkQueue& queue) override {
        stop();
        asking = true;
        asker = std::thread([this, &queue] {
          while (asking) most = std::max(most, queue.taken());
        });
      }
      bool on_point(const Point&) override { return stop(), true; }
      void stop() {
        asking = false;
        if (asker.joinable()) asker.join();
      }
      ~Progress() override { stop(); }
      std::atomic<bool> asking{false};
      std::size_t most = 0;  // written by the asker, read after it has been joined
      std::thread asker;
    };
    Setup s;
    s.options.mode = Mode::hogwild;
    Recorder recorder;
    Progress progress;
    const auto backend = shm::make_backend(s.options);
    fit({.kernel = s.kernel, .train = s.data}, s.options, *backend, recorder, progress);
    CHECK(progress.most <= Setup::kExamples);
  }
}
