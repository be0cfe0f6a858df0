// Recording and replay: the bits of a racing run, again on one thread; another order gives other bits or is refused.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include <doctest/doctest.h>

#include <sounder/error.hpp>
#include <sounder/shm/record.hpp>

#include "data/files.hpp"
#include "hot_sum.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr const char* kNoReplay = "ThreadSanitizer cannot follow a worker that is a coroutine; recording runs there";

/// Adds 1 to row 0 with two operations: a read and a write. Throws at the example with label `bad`; if `here` is given,
/// the first worker waits between the two for a second one to be there as well.
struct Count {
  static constexpr Table<1, 0> weights{};
  float bad = -1;
  std::atomic<int>* here = nullptr;

  Layout layout(const Dataset&) const { return Layout{{.rows = 1, .width = 1, .space = 0}}; }
  template <class V>
  void step(V& view, const Example& x) const {
    const float old = view.read(weights, 0);
    if (x.label == bad) throw Error("a bad example");
    if (here && *here < 2) {
      ++*here;
      while (*here < 2) std::this_thread::yield();
    }
    view.descend(weights, 0, old, 0.f, -1.f);
  }
  double loss(auto&, const Example&) const { return 1; }
  double predict(auto&, const Example&) const { return 0; }
  void touches(const Example&, auto f) const { f(0, 0); }
};

/// Replays two workers that count 16 examples each in an order that is made up; returns what they counted to.
float count_in_order(const std::vector<std::uint8_t>& order, Count model = {}) {
  const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(32, {0}));
  const Kernel kernel = make_kernel(model, data, "count");
  Parameters parameters(kernel.layout);
  Recording recording;
  recording.rounds.push_back({.ranges = {{{0, 16}}, {{16, 32}}}, .order = order});
  const auto replay = make_replay(recording);
  replay->prepare(kernel, data, parameters);
  ChunkQueue queue(32, 16);
  queue.open(1);
  replay->run({.rate = 1}, queue);
  return parameters.row(0, 0)[0];
}

/// Each worker's 32 operations, `run` of them at a time in turns.
std::vector<std::uint8_t> turns(std::size_t run) {
  std::vector<std::uint8_t> order;
  for (std::size_t i = 0; i < 64; ++i) order.push_back(i / run % 2);
  return order;
}

/// Records a run, through a file.
Recording recorded(const Kernel& kernel, const Dataset& data, const Options& options, Result& result) {
  Recording recording;
  const auto recorder = shm::make_recorder(options, recording);
  result = fit(Problem{.kernel = kernel, .train = data}, options, *recorder);
  recording.digest = result.digest;
  const TempFile file("");
  save(recording, file.path());
  return load_recording(file.path());
}

std::string replayed_digest(const Kernel& kernel, const Dataset& data, Options options, const Recording& recording) {
  options.threads = 1;
  const auto replay = make_replay(recording);
  return fit(Problem{.kernel = kernel, .train = data}, options, *replay).digest;
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("replay: an order decides which updates are lost; mutant: two entries swapped") {
    if (kThreadSanitizer) return skip(kNoReplay);
    CHECK(count_in_order(turns(32)) == 32);  // one worker after the other
    CHECK(count_in_order(turns(2)) == 32);   // read and write stay together
    CHECK(count_in_order(turns(1)) == 16);   // both read before either writes
    std::vector<std::uint8_t> swapped = turns(2);
    std::swap(swapped[9], swapped[10]);
    CHECK(count_in_order(swapped) == 31);
    std::vector<std::uint8_t> held(62, 0);  // worker 0 writes at the end what it read at the beginning
    std::fill(held.begin() + 1, held.begin() + 33, 1);
    held.insert(held.end(), 2, 0);
    held.resize(64, 0);
    CHECK(count_in_order(held) == 16);
  }

  TEST_CASE("replay: an order that does not fit is refused, and what a model throws comes out") {
    if (kThreadSanitizer) return skip(kNoReplay);
    std::vector<std::uint8_t> order = turns(1);
    order.pop_back();
    CHECK_THROWS_AS(count_in_order(order), Error);
    order.insert(order.end(), 2, 1);
    CHECK_THROWS_AS(count_in_order(order), Error);
    order.pop_back();
    CHECK(count_in_order(order) == 16);
    order[5] = 0;  // flipped
    CHECK_THROWS_AS(count_in_order(order), Error);
    order[5] = 7;  // of nobody
    CHECK_THROWS_AS(count_in_order(order), Error);
    CHECK_THROWS_AS(count_in_order({}), Error);
    CHECK_THROWS_WITH_AS(count_in_order(turns(1), {.bad = 5}), "a bad example", Error);
  }

  TEST_CASE("replay: a racing run gives the same bits again, for every model") {
    for (const int threads : {1, 2, 4}) {
      const auto check = [&](const Kernel& kernel, const Dataset& data, Options options) {
        CAPTURE(kernel.name);
        CAPTURE(threads);
        options.threads = threads;
        Result result;
        const Recording recording = recorded(kernel, data, options, result);
        REQUIRE(recording.rounds.size() == static_cast<std::size_t>(options.epochs));
        CHECK(recording.operations() > 0.5 * static_cast<double>(operations_of_epoch(kernel, data)) * options.epochs);
        CHECK(recording.operations() < 1.2 * static_cast<double>(operations_of_epoch(kernel, data)) * options.epochs);
        if (!kThreadSanitizer) CHECK(replayed_digest(kernel, data, options, recording) == recording.digest);
        return recording;
      };
      for (const auto& model : kModels) {
        const Dataset data = small_set(model.value);
        const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data);
        check(kernel, data, options_for(Mode::hogwild, 2));
      }
      // A race that is sure to happen, and sure to lose: two workers read before either writes.
      const Dataset hot = examples_of(std::vector<std::vector<std::uint32_t>>(5000, {0}));
      std::atomic<int> here{threads == 1 ? 2 : 0};
      const Kernel meeting = make_kernel(Count{.here = &here}, hot, "meeting");
      check(meeting, hot, counting_options(Mode::hogwild, 1));
      here = threads == 1 ? 2 : 0;
      Result result;
      const std::vector<std::uint8_t> order =
          recorded(meeting, hot, counting_options(Mode::hogwild, threads), result).rounds[0].order;
      CHECK((std::ranges::count(order, 0) < std::ssize(order)) == (threads > 1));
      CHECK((result.parameters.row(0, 0)[0] < 5000) == (threads > 1));
    }
    if (kThreadSanitizer) skip(kNoReplay);
  }

  TEST_CASE("record: one worker equals serial to rounding") {
    for (const auto& model : kModels) {
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .l2 = 1e-3, .factors = 20}, data);
      Result result;
      recorded(kernel, data, options_for(Mode::hogwild, 2), result);
      CHECK(distance(result.parameters, train(kernel, data, options_for(Mode::serial, 2)).parameters) < 3e-4);
    }
  }

  TEST_CASE("replay: other data, more epochs, and runs that cannot be recorded are refused") {
    const Dataset data = small_set(ModelName::logistic), other = hot_examples(5000);
    const Kernel kernel = builtin_kernel({}, data);
    Recording recording;
    Options options = options_for(Mode::hogwild, 1, 2);
    fit(Problem{.kernel = kernel, .train = data}, options, *shm::make_recorder(options, recording));
    if (!kThreadSanitizer) {
      CHECK_THROWS_AS(replayed_digest(builtin_kernel({}, other), other, options, recording), Error);
      CHECK_THROWS_AS(replayed_digest(kernel, data, options_for(Mode::hogwild, 2), recording), Error);
    }
    CHECK_THROWS_AS(shm::make_recorder(options_for(Mode::cached, 1), recording), Error);
    CHECK_THROWS_AS(shm::make_recorder(options_for(Mode::hogwild, 1, 257), recording), Error);
    options.epochs = 1'000'000;
    CHECK_THROWS_AS(fit(Problem{.kernel = kernel, .train = data}, options, *shm::make_recorder(options, recording)),
                    Error);
    options.rule = RuleName::adagrad;
    CHECK_THROWS_AS(shm::make_recorder(options, recording), Error);
  }

  TEST_CASE("replay: a file that is cut, altered or something else is refused") {
    Recording recording;
    recording.facts["--seed"] = "3";
    recording.digest = "0123456789abcdef";
    recording.rounds.push_back({.ranges = {{{0, 16}}, {{16, 32}, {32, 40}}}, .order = turns(3)});
    recording.rounds.push_back({.ranges = {{}, {}}, .order = {}});
    const TempFile file("");
    save(recording, file.path());
    std::ifstream in(file.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const Recording read = load_recording(file.path());
    CHECK(read.facts == recording.facts);
    CHECK(read.digest == recording.digest);
    CHECK(read.rounds[0].order == turns(3));
    CHECK(read.rounds[0].ranges[1][1].end == 40);
    CHECK(read.rounds[1].ranges.size() == 2);
    for (std::size_t size = 0; size < content.size(); ++size)
      CHECK_THROWS_AS(load_recording(TempFile(content.substr(0, size)).path()), Error);
    for (std::size_t at = 0; at < content.size(); ++at) {
      std::string altered = content;
      altered[at] = static_cast<char>(altered[at] ^ 1);
      CHECK_THROWS_AS(load_recording(TempFile(altered).path()), Error);
    }
    CHECK_THROWS_AS(load_recording(TempFile(content + "x").path()), Error);
    CHECK_THROWS_AS(load_recording("/"), Error);
    CHECK_THROWS_AS(load_recording("/nowhere"), Error);
  }
}
