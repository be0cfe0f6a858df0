// A model whose every step adds 1 to some shared cells: what the cells end at says whether an update was lost.
#pragma once

#include <cstdint>
#include <thread>

#include "support.hpp"

namespace sounder::test {

/// Adds 1 to each row of the example, in both tables. Whole numbers below 2^24: float sums of them are exact in any
/// order. The gradient does not depend on the weights: an update that goes missing has been lost, not corrected.
template <bool kWhole>
struct HotSum {
  static constexpr Table<1, 0> narrow{};
  static constexpr Table<16, 1> wide{};

  Layout layout(const Dataset& data) const {
    return Layout{{.rows = data.features(), .width = 1, .space = 0},
                  {.rows = data.features(), .width = 16, .space = 0}};
  }
  template <class V>
  void step(V& view, const Example& x) const {
    // Gives way now and then: on few cores, one worker would be done before the next one wakes.
    if (static_cast<std::uint32_t>(x.label) % 64 == 0) std::this_thread::yield();
    typename V::template Row<16> one = V::template Row<16>::zero();
    for (int k = 0; k < 16; ++k) one.put(k, 1.f);
    if constexpr (kWhole)
      view.descend(narrow, x, RowFactor{}, -1.f);
    else
      view.each(x, [&](std::uint32_t row, float) { view.descend(narrow, row, view.read(narrow, row), 0.f, -1.f); });
    view.each(x, [&](std::uint32_t row, float) { view.descend(wide, row, view.read(wide, row), 0.f, -1.f, one); });
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
    for (int table = 0; table < 2; ++table)
      for (std::uint32_t j = 0; j < x.size; ++j) f(table, x.ids ? x.ids[j] : j);
  }
};

/// A rate of exactly 1 in every epoch.
inline Options counting_options(Mode mode, int workers, TeamName team = TeamName::threads) {
  Options options = options_for(mode, 1, workers, team);
  options.step = 1;
  options.batch = 1;  // the mean over a batch is not its sum
  options.schedule = ScheduleName::constant;
  return options;
}

/// Every example holds ids 0 to 3; half of them id 4; each one id of its own.
inline Dataset hot_examples(std::size_t count) {
  std::vector<std::vector<std::uint32_t>> ids;
  for (std::uint32_t i = 0; i < count; ++i) {
    ids.push_back({0, 1, 2, 3, 5 + i});
    if (i % 2) ids.back().insert(ids.back().begin() + 4, 4);
  }
  return examples_of(ids);
}

/// How many cells do not hold exactly as many updates as examples touched them.
inline std::size_t wrong_sums(const Parameters& parameters, const Dataset& data) {
  std::size_t wrong = 0;
  for (std::size_t table = 0; table < parameters.layout().tables(); ++table)
    for (std::size_t row = 0; row < data.features(); ++row)
      for (const float sum : parameters.row(table, row)) wrong += sum != static_cast<float>(data.frequencies()[row]);
  return wrong;
}

}  // namespace sounder::test
