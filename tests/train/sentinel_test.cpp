// Sentinel: a divergence is found in the chunk that did it, in every mode; noise is none; the last good state is back.
#include <atomic>
#include <cmath>
#include <limits>
#include <string_view>

#include <doctest/doctest.h>

#include "support.hpp"
#include <sounder/train/sentinel.hpp>

using namespace sounder;
using namespace sounder::test;

namespace {

/// What the example with the fatal label does to its rows.
enum class Fatal { nothing, invalid, overflow, quiet_nan };

std::atomic<std::size_t> visited{0};
std::atomic<float> fatal_label{-1};

/// Counts the examples that it steps on; spoils its weights at one of them.
template <Fatal kFatal>
struct Spoiling {
  static constexpr Table<1, 0> weights{};

  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  template <class V>
  void step(V& view, const Example& x) const {
    visited.fetch_add(1, std::memory_order_relaxed);
    float b = 1e-3f;
    if (x.label == fatal_label.load(std::memory_order_relaxed)) {
      volatile float large = 1e38f, negative = -1;  // computed where it runs, as a model's own error would be
      if (kFatal == Fatal::invalid) b = std::sqrt(negative);
      if (kFatal == Fatal::overflow) b = large * large;
      if (kFatal == Fatal::quiet_nan) b = std::numeric_limits<float>::quiet_NaN();
    }
    view.descend(weights, x, RowFactor{}, b);
  }
  template <class V>
  double loss(V& view, const Example& x) const {
    return 1 + std::abs(predict(view, x));
  }
  template <class V>
  double predict(V& view, const Example& x) const {
    return static_cast<double>(view.dot(weights, x));
  }
  template <class F>
  void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids[j]);
  }
};

constexpr std::size_t kExamples = scaled(40'000, 8'000);

/// Every example has a row of its own, and `shared` one more that all have.
Dataset many(bool shared) {
  std::vector<std::vector<std::uint32_t>> ids;
  for (std::uint32_t i = 0; i < kExamples; ++i) {
    ids.push_back({});
    if (shared) ids.back().push_back(0);
    ids.back().push_back(1 + i);
  }
  return examples_of(ids);
}

/// The label of the example at `place` of an epoch's order; `end`: the examples of the epoch up to the end of its chunk.
float label_at(const Dataset& data, std::size_t place, std::uint64_t epoch, std::size_t& end) {
  ChunkQueue queue(data.size(), chunk_size(data.size(), data.nonzeros()));
  queue.permute(1, epoch);
  queue.open(1);
  ChunkQueue::Cursor cursor(queue);
  end = 0;
  for (Range range; cursor.next(range);) {
    end += range.size();
    if (place < end) return data.labels()[range.end - (end - place)];
  }
  return -1;
}

template <Fatal kFatal>
void check_found_in_its_chunk(bool shared) {
  const Dataset data = many(shared);
  const Kernel kernel = make_kernel(Spoiling<kFatal>{}, data, "spoiling");
  for (const auto& mode : kModes)
    for (const int workers : {1, 2}) {
      CAPTURE(std::string(mode.name));
      CAPTURE(workers);
      std::size_t end = 0;
      fatal_label = label_at(data, kExamples / 3 + 700, 0, end);
      visited = 0;
      Options options = options_for(mode.value, 3, workers);
      options.step = 1e-3;
      const Result result = train(kernel, data, options);
      CHECK(result.stopped == Stopped::diverged);
      CHECK(result.curve.size() == 1);
      CHECK(weights_of(result.parameters) == std::vector<float>(data.features()));  // the start values
      CHECK(result.advice.find("in epoch 1 ") != std::string::npos);
      // Another worker may be ahead by any number of chunks, and conflictfree has an order of its own.
      if (workers == 1 && mode.value != Mode::conflictfree) CHECK(visited == end);
    }
}

/// A watch that sees nothing.
struct Content : Watch {
  bool good(const Range&, const Cells*) override { return true; }
};

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("sentinel: what a model spoils ends the run in that chunk, in every mode") {
    check_found_in_its_chunk<Fatal::invalid>(true);
    check_found_in_its_chunk<Fatal::invalid>(false);  // in a row that no other example has
    check_found_in_its_chunk<Fatal::overflow>(false);
    check_found_in_its_chunk<Fatal::quiet_nan>(true);  // raises no flag: seen by the loss
  }

  TEST_CASE("sentinel: a divergence in a later epoch brings the state before that epoch back") {
    const Dataset data = many(true);
    const Kernel kernel = make_kernel(Spoiling<Fatal::nothing>{}, data, "spoiling");
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      Options options = options_for(mode.value, 2, 1);
      options.step = 1e-3;
      const Result two = train(kernel, data, options);
      struct Late : Observer {  // the fatal example is chosen when two epochs are done
        explicit Late(const Dataset& set) : data(set) {}
        void on_epoch(int epoch, const ChunkQueue&) override {
          std::size_t end = 0;
          fatal_label = epoch == 2 ? label_at(data, 0, 2, end) : -1.f;
        }
        const Dataset& data;
      } late(data);
      options.epochs = 5;
      const Kernel spoiling = make_kernel(Spoiling<Fatal::invalid>{}, data, "spoiling");
      const auto backend = shm::make_backend(options);
      Exchange alone;
      const Result result = fit({.kernel = spoiling, .train = data}, options, *backend, alone, late);
      CHECK(result.stopped == Stopped::diverged);
      CHECK(result.curve.size() == 3);
      CHECK(result.digest == two.digest);
      CHECK(result.advice.find("in epoch 3 ") != std::string::npos);
      CHECK(result.advice.find("after epoch 2") != std::string::npos);
    }
  }

  TEST_CASE("sentinel: a huge step is found in the first chunks, in every model and mode") {
    if (kThreadSanitizer) return skip("slow, and of one thread");
    for (const auto& model : kModels) {
      if (model.value == ModelName::cut) continue;  // its weights are bounded whatever the step
      const bool ratings = format_of(model.value) == Format::ratings;
      const Dataset data = Dataset::train(
          ratings ? load("synthetic:netflix,users=2000,items=500,examples=40000", {.format = Format::ratings})
                  : relabelled(load("synthetic:dense,examples=40000,features=30"), model.value),
          1);
      const Kernel kernel = builtin_kernel({.model = model.value}, data);
      for (const auto& mode : kModes) {
        CAPTURE(std::string(model.name));
        CAPTURE(std::string(mode.name));
        struct Counting : Observer {
          void on_epoch(int, const ChunkQueue& all) override { queue = &all; }
          void on_end() override { taken = queue->taken(); }
          const ChunkQueue* queue = nullptr;
          std::size_t taken = 0;
        } counting;
        Options options = options_for(mode.value, 2, 1);
        options.step = 1e5 * kernel.default_step;
        const auto backend = shm::make_backend(options);
        Exchange alone;
        const Result result = fit({.kernel = kernel, .train = data}, options, *backend, alone, counting);
        CHECK(result.stopped == Stopped::diverged);
        if (mode.value != Mode::conflictfree)  // which takes all at once
          CHECK(counting.taken <= 64 * chunk_size(data.size(), data.nonzeros()));  // one take of the queue
      }
    }
  }

  TEST_CASE("sentinel: noisy losses at the default step raise no alarm that lasts") {
    for (const char* source : {"builtin:spam", "synthetic:rcv1,examples=5000", "synthetic:dense,examples=5000"}) {
      if (kThreadSanitizer && std::string_view(source) == "builtin:spam") continue;  // the longest; what is tested is numbers
      const Dataset data = Dataset::train(load(source), 1);
      for (const ModelName model : {ModelName::logistic, ModelName::svm}) {
        const Kernel kernel = builtin_kernel({.model = model}, data);
        for (const double times : {1., 3.})
          for (const auto& mode : kModes) {
            CAPTURE(std::string(source));
            CAPTURE(std::string(mode.name));
            CAPTURE(times);
            Options options = options_for(mode.value, 3, 2);
            options.step = times * kernel.default_step;
            CHECK(train(kernel, data, options).stopped == Stopped::epochs);
          }
      }
    }
  }

  TEST_CASE("sentinel: one bad example or one bad chunk is no divergence; a bad sample is, and so is one NaN") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    Parameters parameters(kernel.layout);
    const auto set_all = [&](float w) {
      for (std::size_t row = 0; row < kernel.layout.shape(0).rows; ++row) parameters.row(0, row)[0] = w;
    };
    const Range chunk{256, 384};
    Sentinel sentinel(kernel, data.examples(), parameters, std::log(2));
    sentinel.begin();
    CHECK(sentinel.good(chunk, nullptr));
    CHECK(sentinel.chunk_looks() == 0);

    const Example first = data.examples()[chunk.begin];
    const std::uint32_t rarest = first.ids[first.size - 1];
    const float value = first.values ? first.values[first.size - 1] : 1.f;
    parameters.row(0, rarest)[0] = -1000 * first.label / value;
    CHECK(sentinel.good(chunk, nullptr));
    CHECK(sentinel.chunk_looks() == 1);
    CHECK(sentinel.sample_looks() == 0);
    parameters.row(0, rarest)[0] = -20'000 * first.label / value;  // alone, it spoils the mean of its chunk
    CHECK(sentinel.good(chunk, nullptr));
    CHECK(sentinel.sample_looks() == 1);
    parameters.row(0, rarest)[0] = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(sentinel.good(chunk, nullptr));
    const auto finding = sentinel.take_finding();
    REQUIRE(finding.has_value());
    CHECK(finding->chunk.begin == chunk.begin);
    CHECK(std::isnan(finding->loss));
    CHECK_FALSE(sentinel.take_finding().has_value());

    Parameters own(kernel.layout);  // the worker's own copy is what counts
    const Cells cells = own.cells();
    CHECK(sentinel.good(chunk, &cells));
    set_all(1e6f);
    CHECK_FALSE(sentinel.good(chunk, nullptr));
    CHECK(sentinel.sample_looks() == 2);
    CHECK(std::isfinite(sentinel.take_finding()->loss));
    CHECK(sentinel.good(chunk, &cells));
  }

  TEST_CASE("mutant: a queue whose watch is content runs to its end") {
    const Dataset data = many(false);
    const Kernel kernel = make_kernel(Spoiling<Fatal::invalid>{}, data, "spoiling");
    std::size_t end = 0;
    fatal_label = label_at(data, 300, 0, end);
    const auto run = [&](Watch* watch) {
      Parameters parameters(kernel.layout);
      const auto backend = make_serial_backend();
      backend->prepare(kernel, data, parameters);
      ChunkQueue queue(data.size(), chunk_size(data.size(), data.nonzeros()));
      queue.watch(watch);
      queue.permute(1, 0);
      queue.open(1);
      visited = 0;
      backend->run({.rate = 1e-3f}, queue);
      return visited.load();
    };
    Content content;
    Parameters watched(kernel.layout);
    Sentinel sentinel(kernel, data.examples(), watched, 1);  // looks where nobody works: alarmed, sees nothing
    CHECK(run(nullptr) == data.size());
    CHECK(run(&content) == data.size());
    CHECK(run(&sentinel) == data.size());
    CHECK(sentinel.chunk_looks() > 0);
  }
}
