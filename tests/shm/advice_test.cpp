// The adviser: the hottest line is exact, and what it advises is the fastest of what it measured.
#include <algorithm>

#include <doctest/doctest.h>

#include <sounder/model/logistic.hpp>
#include <sounder/shm/advice.hpp>
#include <sounder/shm/topology.hpp>

#include "modes/mode.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

TEST_SUITE("shm") {
  TEST_CASE("the hottest line: its share of the examples is exact, also where several of its rows are touched") {
    // Rows are numbered by frequency: ids 7 and 8 are rows 0 and 1 of one line. 3 of 4 examples touch the line.
    const Dataset data = examples_of({{7, 8}, {7}, {8}, {100}}, {1, -1, 1, -1});
    const Kernel kernel = builtin_kernel({}, data);
    const shm::HottestLine line = shm::hottest_line(kernel, data);
    CHECK(line.row.table == 0);
    CHECK(line.share == doctest::Approx(1.0));  // all four ids lie in the one line of 16 floats
    std::vector<std::vector<std::uint32_t>> ids;
    for (std::uint32_t i = 0; i < 60; ++i) ids.push_back({i % 3 ? 500u : 1000 + i, 2000 + i});  // 500 in 40 of 60
    const Dataset wide = examples_of(ids, std::vector<float>(60, 1));
    const Kernel other = make_kernel(Logistic(wide), wide, "logistic", RuleName::adam);  // 4 floats a row: 4 rows a line
    const shm::HottestLine hot = shm::hottest_line(other, wide);
    CHECK(hot.row == RowId{0, 0});
    CHECK(wide.numbering().original(hot.row.row) == 500);
    // The other three rows of the line are ids that occur once (the lowest of them: 1000, 1003, 1006), in 3 other examples.
    CHECK(hot.share == doctest::Approx(43.0 / 60));
    CHECK(hot.cap.has_value() == shm::core_to_core_ns().has_value());
  }

  TEST_CASE("the advice is the fastest of the trials; with one worker it is serial") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      const Dataset data = small_set(model.value);
      const Kernel kernel = builtin_kernel({.model = model.value, .factors = 16}, data);
      const shm::Advice advice = shm::advise(kernel, data, Options{}, 2);
      const auto best = std::max_element(advice.trials.begin(), advice.trials.end(), [](const auto& a, const auto& b) {
        return a.examples_per_second < b.examples_per_second;
      });
      CHECK(advice.mode == best->mode);
      CHECK(advice.threads == best->threads);
      for (const auto& trial : advice.trials) CHECK(trial.examples_per_second > 0);
      const auto tried = [&](Mode mode) {
        return std::any_of(advice.trials.begin(), advice.trials.end(), [&](const auto& t) { return t.mode == mode; });
      };
      for (const auto& mode : kModes)
        if (mode.value != Mode::serial) {
          const shm::Advisable where = shm::entry_of(mode.value).advisable;
          CHECK(tried(mode.value) == (where == shm::Advisable::always || (where == shm::Advisable::on_ratings && data.spaces() == 2)));
        }
      CHECK(tried(Mode::serial));

      const shm::Advice alone = shm::advise(kernel, data, Options{}, 1);
      CHECK(alone.mode == Mode::serial);
      CHECK(alone.trials.size() == 1);
    }
  }
}
