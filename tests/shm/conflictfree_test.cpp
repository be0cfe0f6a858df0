// Law: `conflictfree` leaves the same bits for any number of workers, in each of its ways.
#include <atomic>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include <sounder/model/mf.hpp>

#include "conflictfree/way.hpp"
#include "shm/hot_sum.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

using Make = std::unique_ptr<shm::Discipline> (*)(const shm::Setting&);

/// Least squares; what a step does depends on all earlier ones that share a row with it.
struct Squares {
  static constexpr Table<1, 0> weights{};
  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = 1, .space = 0}}; }
  template <class V>
  void step(V& view, const Example& x) const {
    view.descend(weights, x, RowFactor{}, view.dot(weights, x) - x.label / 1000);
  }
  template <class V>
  double loss(V&, const Example&) const {
    return 1;
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

/// Adds to row 0. The first worker waits between its read and its write for a second one to be there too: whatever the
/// cores are busy with, one of the two updates is lost.
struct Meeting {
  static constexpr Table<1, 0> weights{};
  std::atomic<int>* here = nullptr;  ///< how many have come, up to 2
  Layout layout(const Dataset&) const { return Layout{{.rows = 1, .width = 1, .space = 0}}; }
  template <class V>
  void step(V& view, const Example&) const {
    const float old = view.read(weights, 0);
    if (*here < 2) {
      ++*here;
      while (*here < 2) std::this_thread::yield();
    }
    view.descend(weights, 0, old, 0.f, -1.f);
  }
  double loss(auto&, const Example&) const { return 1; }
  double predict(auto&, const Example&) const { return 0; }
  void touches(const Example&, auto f) const { f(0, 0); }
};

/// Pairs of rows, of which some are met again within a batch: its conflict graph has many small components.
Dataset cold_examples() {
  std::vector<std::vector<std::uint32_t>> ids;
  for (std::uint32_t i = 0; i < 3000; ++i) ids.push_back({i * 7 % 2000, 2000 + i * 11 % 2100});
  return examples_of(ids);
}

Result run(Mode mode, const Kernel& kernel, const Dataset& data, int workers, std::string* remark = nullptr) {
  Options options = options_for(mode, 2, workers);
  options.rule = kernel.rule;
  options.pin = PinName::none;
  const auto backend = shm::make_backend(options);
  Result result = fit({.kernel = kernel, .train = data}, options, *backend);
  if (remark) *remark = backend->remark();
  return result;
}

/// The digests that the numbers of workers leave.
std::set<std::string> digests(const Kernel& kernel, const Dataset& data, const std::string& way) {
  std::set<std::string> all;
  for (const int workers : {1, 2, 3, 5}) {
    std::string remark;
    all.insert(run(Mode::conflictfree, kernel, data, workers, &remark).digest);
    CAPTURE(remark);
    CHECK(remark.find(way) != std::string::npos);
  }
  return all;
}

/// Runs a way by hand on all chunks, in order.
Parameters by_hand(Make make, const Kernel& kernel, const Dataset& data, const Options& options, std::size_t chunk) {
  Parameters parameters(kernel.layout);
  kernel.initialize(parameters, 1);
  const auto way = make({kernel, data, parameters, options, 1});
  REQUIRE(way);
  ChunkQueue queue(data.size(), chunk);
  queue.open(1);
  const Round round{.rate = static_cast<float>(kernel.default_step)};
  way->begin(round, queue);
  ChunkQueue::Cursor cursor(queue);
  way->work(0, round, cursor);
  way->end(round);
  return parameters;
}

Parameters serially(const Kernel& kernel, const Dataset& data) {
  Parameters parameters(kernel.layout);
  kernel.initialize(parameters, 1);
  kernel.step_of(AccessKind::relaxed)(kernel.model.get(),
                                      {.cells = parameters.cells(), .rate = static_cast<float>(kernel.default_step)},
                                      data.examples(), 0, data.size());
  return parameters;
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("conflictfree: every model and rule has the same digest for 1, 2, 3 and 5 workers") {
    for (const auto& model : kModels) {
      const Dataset data = small_set(model.value);
      const std::string way = format_of(model.value) == Format::ratings ? "blocks" : format_of(model.value) == Format::cut ? "components" : "shards";
      for (const auto& rule : kRules) {
        if (kThreadSanitizer && rule.value != RuleName::sgd && rule.value != RuleName::adagrad) continue;  // threads meet alike
        CAPTURE(std::string(model.name));
        CAPTURE(std::string(rule.name));
        const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data, rule.value);
        CHECK(digests(kernel, data, way).size() == 1);
      }
    }
  }

  TEST_CASE("conflictfree: and so it is by components, with and without an intercept") {
    const Dataset data = cold_examples();
    CHECK(digests(make_kernel(Squares{}, data, "squares"), data, "components").size() == 1);
    const Dataset text = Dataset::train(load("synthetic:cold,examples=4000"), 1);
    CHECK(digests(builtin_kernel({.model = ModelName::logistic}, text), text, "components").size() == 1);
  }

  TEST_CASE("negative control: hogwild has not, where all meet in a hot row") {
    const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(5000, {0}));
    std::atomic<int> here{2};
    const Kernel kernel = make_kernel(Meeting{.here = &here}, data, "meeting");
    const std::string alone = run(Mode::hogwild, kernel, data, 1).digest;
    CHECK(run(Mode::hogwild, kernel, data, 1).digest == alone);
    here = 0;
    CHECK(run(Mode::hogwild, kernel, data, 2).digest != alone);
  }

  TEST_CASE("conflictfree: components are the steps of serial, bit by bit") {
    const Dataset data = cold_examples();
    const Kernel kernel = make_kernel(Squares{}, data, "squares");
    const Parameters serial = serially(kernel, data);
    CHECK(weights_of(by_hand(shm::make_components, kernel, data, {}, 128)) == weights_of(serial));
    const Parameters shards = by_hand(shm::make_shards, kernel, data, {}, 128);
    CHECK(weights_of(shards) != weights_of(serial));  // what another way leaves is told apart
  }

  TEST_CASE("conflictfree: shards of one example are the steps of serial, to rounding") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data);
      Options options;
      options.batch = 1;
      const std::size_t chunk = chunk_size(data.size(), data.nonzeros());
      CHECK(distance(by_hand(shm::make_shards, kernel, data, options, chunk), serially(kernel, data)) < 3e-4);
    }
  }

  TEST_CASE("conflictfree: each way refuses data that it cannot cut") {
    const Options options;
    const Dataset hot = hot_examples(1000), ratings = small_set(ModelName::mf);
    const Kernel sums = make_kernel(HotSum<true>{}, hot, "sums"),
                 mf = builtin_kernel({.model = ModelName::mf}, ratings);
    Parameters of_sums(sums.layout), of_mf(mf.layout);
    CHECK_FALSE(shm::make_blocks({sums, hot, of_sums, options, 2}));
    CHECK_FALSE(shm::make_components({sums, hot, of_sums, options, 2}));
    CHECK(shm::make_blocks({mf, ratings, of_mf, options, 2}));

    Kernel wider = mf;  // a model that touches a row beside those of the pair
    wider.list = [](const void* model, const Examples& examples, std::size_t begin, std::size_t end,
                    std::vector<RowId>& rows) {
      detail::list_touches<MatrixFactorization<32>>(model, examples, begin, end, rows);
      rows.push_back({0, 0});
    };
    CHECK_FALSE(shm::make_blocks({wider, ratings, of_mf, options, 2}));
  }
}
