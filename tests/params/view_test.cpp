// View: dot, descend and read on every kind of example, against plain loops in double.
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/random.hpp>
#include <sounder/params/access/atomic.hpp>
#include <sounder/params/access/frozen.hpp>
#include <sounder/params/access/relaxed.hpp>
#include <sounder/params/parameters.hpp>
#include <sounder/params/view.hpp>
#include <sounder/rule/sgd.hpp>

using namespace sounder;

namespace {

constexpr Table<1, 0> kNarrow{};
constexpr Table<32, 1> kWide{};
constexpr std::size_t kRows = 80;
constexpr float kRate = 0.125f;

enum class Kind { sparse, valueless, dense };

/// An example and the parameters that it meets, all random.
struct Case {
  Case(Kind kind_, std::uint32_t size, std::uint64_t seed)
      : kind(kind_), parameters(Layout{{.rows = kRows, .width = 1}, {.rows = 5, .width = 32}}) {
    Random random(seed);
    for (std::size_t row = 0; row < kRows; ++row) {
      before.push_back(parameters.row(0, row)[0] = static_cast<float>(random.normal()));
      rarity.push_back(static_cast<float>(1 + random.uniform() * 100));
    }
    for (std::uint32_t id = 0; id < kRows; ++id)  // a random choice of `size` ids, ascending
      if (random.below(kRows - id) < size - ids.size()) ids.push_back(id);
    for (std::uint32_t j = 0; j < size; ++j) values.push_back(static_cast<float>(random.normal()));
    // One float further than an aligned place: values need not be aligned.
    values.insert(values.begin(), 99.f);
  }
  Example example() const {
    return {kind == Kind::dense ? nullptr : ids.data(), kind == Kind::valueless ? nullptr : values.data() + 1,
            static_cast<std::uint32_t>(ids.size()), 1.f};
  }
  std::uint32_t id(std::size_t j) const { return kind == Kind::dense ? static_cast<std::uint32_t>(j) : ids[j]; }
  double value(std::size_t j) const { return kind == Kind::valueless ? 1. : static_cast<double>(values[j + 1]); }

  Kind kind;
  Parameters parameters;
  std::vector<float> before, rarity, values;
  std::vector<std::uint32_t> ids;
};

/// Whether two numbers are the same but for the rounding of floats of a size.
bool close(double a, double b, double size) { return std::abs(a - b) <= 4e-7 * (size + 1e-30); }

template <class Access>
Access with_rate() {
  Access access{};
  access.rule.rate = kRate;
  return access;
}

template <class Access>
std::size_t wrong_dots(const Case& c) {
  double expected = 0, size = 0;
  for (std::size_t j = 0; j < c.ids.size(); ++j) {
    const double part = static_cast<double>(c.before[c.id(j)]) * c.value(j);
    expected += part;
    size += std::abs(part);
  }
  const View<Access> view(Access{}, c.parameters.cells());
  const double found = static_cast<double>(view.dot(kNarrow, c.example()));
  if constexpr (std::is_same_v<typename Access::Scalar, double>)
    return std::abs(found - expected) > 1e-13 * (size + 1e-30);
  return !close(found, expected, size);
}

/// Cells that did not move as w' = (w - rate * b * x) / (1 + rate * a), where a = l2 * rarity.
template <class Access>
std::size_t wrong_moves(Kind kind, std::uint32_t size_of_example, float l2, float b) {
  Case c(kind, size_of_example, 1000 + size_of_example);
  View<Access> view(with_rate<Access>(), c.parameters.cells());
  view.descend(kNarrow, c.example(), RowFactor{l2, c.rarity.data()}, b);
  std::vector<double> expected(c.before.begin(), c.before.end()), size(kRows);
  for (std::size_t j = 0; j < c.ids.size(); ++j) {
    const std::size_t row = c.id(j);
    const double step = static_cast<double>(kRate * b) * c.value(j);
    size[row] = std::abs(expected[row]) + std::abs(step);
    expected[row] = (expected[row] - step) /
                    (1 + static_cast<double>(kRate) * static_cast<double>(l2) * static_cast<double>(c.rarity[row]));
  }
  std::size_t wrong = 0;
  for (std::size_t row = 0; row < kRows; ++row) {
    const float after = c.parameters.row(0, row)[0];
    wrong += size[row] > 0 ? !close(static_cast<double>(after), expected[row], size[row]) : after != c.before[row];
  }
  return wrong;
}

template <class Access>
void check_narrow() {
  for (const Kind kind : {Kind::sparse, Kind::valueless, Kind::dense})
    for (std::uint32_t size = 0; size <= 70; ++size) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(size);
      const Case c(kind, size, size + 1);
      CHECK(wrong_dots<Access>(c) == 0);
      for (const float l2 : {0.f, 1e-3f, 1e3f}) {  // the last: rate * a far above 1, where an explicit step explodes
        CAPTURE(l2);
        CHECK(wrong_moves<Access>(kind, size, l2, -0.75f) == 0);
        CHECK(wrong_moves<Access>(kind, size, l2, 0.f) == 0);
      }
    }
}

template <class Access>
void check_wide() {
  Random random(3);
  Parameters parameters(Layout{{.rows = kRows, .width = 1}, {.rows = 5, .width = 32}});
  for (std::size_t row = 0; row < 5; ++row)
    for (float& w : parameters.row(1, row)) w = static_cast<float>(random.normal());
  const auto row_before = [&](std::size_t row) {
    return std::vector<float>(parameters.row(1, row).begin(), parameters.row(1, row).end());
  };
  const std::vector<float> left = row_before(2), middle = row_before(3), right = row_before(4);

  View<Access> view(with_rate<Access>(), parameters.cells());
  const auto w = view.read(kWide, 3), x = view.read(kWide, 2);
  for (int k = 0; k < 32; ++k) CHECK(w.get(k) == middle[static_cast<std::size_t>(k)]);
  view.prefetch(kWide, 3);
  view.descend(kWide, 3, w, 0.5f, -2.f, x);
  for (std::size_t k = 0; k < 32; ++k) {
    const double expected =
        (static_cast<double>(middle[k]) + static_cast<double>(kRate) * 2 * static_cast<double>(left[k])) /
        (1 + static_cast<double>(kRate) * 0.5);
    CHECK(close(static_cast<double>(parameters.row(1, 3)[k]), expected, std::abs(expected) + 1));
  }
  CHECK(row_before(2) == left);
  CHECK(row_before(4) == right);
}

/// Wide rows over an example: their weighted sum, and a descent in each.
template <class Access>
void check_wide_examples() {
  for (const Kind kind : {Kind::sparse, Kind::valueless, Kind::dense})
    for (const float l2 : {0.f, 1e3f}) {
      CAPTURE(static_cast<int>(kind));
      const Case c(kind, 9, 7);
      Parameters parameters(Layout{{.rows = 1}, {.rows = kRows, .width = 32}});
      Random random(5);
      for (std::size_t row = 0; row < kRows; ++row)
        for (float& w : parameters.row(1, row)) w = static_cast<float>(random.normal());
      const std::vector<float> before(parameters.row(1, 0).data(), parameters.row(1, 0).data() + 32 * kRows);
      View<Access> view(with_rate<Access>(), parameters.cells());
      const auto sums = view.dot(kWide, c.example());
      auto toward = View<Access>::template Row<32>::zero();
      for (int k = 0; k < 32; ++k) toward.put(k, static_cast<float>(k) / 8);
      view.descend(kWide, c.example(), RowFactor{l2, c.rarity.data()}, toward);
      std::vector<double> after(before.begin(), before.end()), expected_sums(32);
      for (std::size_t j = 0; j < 9; ++j)
        for (std::size_t k = 0; k < 32; ++k) {
          double& w = after[32 * c.id(j) + k];
          expected_sums[k] += w * c.value(j);
          w = (w - static_cast<double>(kRate) * c.value(j) * static_cast<double>(k) / 8) /
              (1 + static_cast<double>(kRate) * static_cast<double>(l2) * static_cast<double>(c.rarity[c.id(j)]));
        }
      std::size_t wrong = 0;
      for (std::size_t k = 0; k < 32; ++k)
        wrong += !close(static_cast<double>(sums.get(static_cast<int>(k))), expected_sums[k], 10);
      for (std::size_t i = 0; i < after.size(); ++i)
        wrong += !close(static_cast<double>(parameters.row(1, 0).data()[i]), after[i], std::abs(after[i]) + 1);
      CHECK(wrong == 0);
    }
}

/// Rows of a width known at run time, and changes past the rule.
template <class Access>
void check_run_time_width() {
  constexpr WideTable<1> table{48};
  Parameters parameters(Layout{{.rows = 3}, {.rows = 3, .width = 48}});
  std::vector<float> old(48), toward(48), change(48);
  for (std::size_t k = 0; k < 48; ++k) {
    parameters.row(1, 1)[k] = static_cast<float>(k);
    toward[k] = static_cast<float>(k % 5);
    change[k] = static_cast<float>(k % 3);
  }
  View<Access> view(with_rate<Access>(), parameters.cells());
  view.read(table, 1, old.data());
  for (std::size_t k = 0; k < 48; ++k) CHECK(old[k] == static_cast<float>(k));
  view.descend(table, 1, old.data(), 0.f, 2.f, toward.data());
  view.add(table, 1, change.data());
  view.add(kNarrow, 2, 0.75f);
  for (std::size_t k = 0; k < 48; ++k) {
    CHECK(parameters.row(1, 1)[k] == static_cast<float>(k) - kRate * 2 * static_cast<float>(k % 5) + static_cast<float>(k % 3));
    CHECK(parameters.row(1, 0)[k] == 0);
    CHECK(parameters.row(1, 2)[k] == 0);
  }
  CHECK(parameters.row(0, 2)[0] == 0.75f);
}

}  // namespace

TEST_SUITE("params") {
  TEST_CASE("view: dot and descend on sparse, valueless and dense examples of any size") {
    check_narrow<Relaxed<Sgd>>();
    check_narrow<Atomic<Sgd>>();
  }

  TEST_CASE("view: evaluation sums in double") {
    for (const Kind kind : {Kind::sparse, Kind::valueless, Kind::dense})
      for (std::uint32_t size = 0; size <= 70; ++size) CHECK(wrong_dots<Frozen>(Case(kind, size, size + 1)) == 0);
  }

  TEST_CASE("view: wide rows are read and moved whole, their neighbours not at all") {
    check_wide<Relaxed<Sgd>>();
    check_wide<Atomic<Sgd>>();
  }

  TEST_CASE("view: wide rows are summed and moved over whole examples") {
    check_wide_examples<Relaxed<Sgd>>();
    check_wide_examples<Atomic<Sgd>>();
  }

  TEST_CASE("view: rows of a width known at run time; projections go past the rate") {
    check_run_time_width<Relaxed<Sgd>>();
    check_run_time_width<Atomic<Sgd>>();
  }

  TEST_CASE("view: an intercept may be a row") {
    Parameters parameters(Layout{{.rows = 1}, {.rows = 1, .width = 32}});
    View<Relaxed<Sgd>, ThreadLanes, 32> view(with_rate<Relaxed<Sgd>>(), parameters.cells());
    view.open_intercept(kWide);
    view.descend_intercept(View<Relaxed<Sgd>>::Row<32>::unit(3));
    view.descend_intercept(View<Relaxed<Sgd>>::Row<32>::unit(31));
    parameters.row(1, 0)[3] = 5;  // another worker
    view.close_intercept(kWide);
    for (std::size_t k = 0; k < 32; ++k)
      CHECK(parameters.row(1, 0)[k] == (k == 3 ? 5.f : 0.f) - (k == 3 || k == 31 ? kRate / 16 : 0.f));
  }

  TEST_CASE("view: each gives ids and values, also where they are not stored") {
    const auto pairs = [](const Case& c) {
      std::vector<std::pair<std::uint32_t, float>> result;
      View<Frozen>(Frozen{}, c.parameters.cells()).each(c.example(), [&](std::uint32_t id, float value) {
        result.emplace_back(id, value);
      });
      return result;
    };
    for (const Kind kind : {Kind::sparse, Kind::valueless, Kind::dense}) {
      const Case c(kind, 9, 5);
      const auto found = pairs(c);
      REQUIRE(found.size() == 9);
      for (std::size_t j = 0; j < 9; ++j)
        CHECK((found[j].first == c.id(j) && static_cast<double>(found[j].second) == c.value(j)));
    }
  }

  TEST_CASE("view: the intercept is read when opened and moved once when closed") {
    Parameters parameters(Layout{{.rows = 1, .width = 1}});
    parameters.row(0, 0)[0] = 2;
    View<Relaxed<Sgd>> view(with_rate<Relaxed<Sgd>>(), parameters.cells());
    view.open_intercept(kNarrow);
    view.descend_intercept(3);
    view.descend_intercept(-1);
    CHECK(view.intercept() == 2);
    CHECK(parameters.row(0, 0)[0] == 2);
    parameters.row(0, 0)[0] = 5;  // another worker
    view.close_intercept(kNarrow);
    CHECK(parameters.row(0, 0)[0] == 5 - kRate * 2 / 16);
    view.open_intercept(kNarrow);
    CHECK(view.intercept() == parameters.row(0, 0)[0]);
    view.close_intercept(kNarrow);  // what was gathered before is gone
    CHECK(parameters.row(0, 0)[0] == 5 - kRate * 2 / 16);
  }

  TEST_CASE("view: reads and writes go where the cells say, which need not be the same place") {
    Parameters read(Layout{{.rows = kRows, .width = 1}}), write(Layout{{.rows = kRows, .width = 1}});
    read.row(0, 7)[0] = 3;
    Cells cells = read.cells();
    cells.write[0] = write.cells().write[0];
    View<Relaxed<Sgd>> view(with_rate<Relaxed<Sgd>>(), cells);
    const std::uint32_t id = 7;
    view.descend(kNarrow, Example{&id, nullptr, 1, 1.f}, RowFactor{}, 8.f);
    CHECK(read.row(0, 7)[0] == 3);
    CHECK(write.row(0, 7)[0] == 2);
  }
}
