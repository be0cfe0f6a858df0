// Several classes, and numbers as labels: what is read, how test sets are matched, what is refused.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/data/dataset.hpp>
#include <sounder/data/generate.hpp>
#include <sounder/data/load.hpp>

#include "data/files.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

using Floats = std::vector<float>;

constexpr LoadOptions kMulticlass{.format = Format::multiclass}, kRegression{.format = Format::regression};

Columns classes_of(std::string_view text) { return load(TempFile(text).path(), kMulticlass); }

std::string refused(std::string_view text, const LoadOptions& options) {
  const TempFile file(text);
  std::string message = message_of([&] { (void)Dataset::train(load(file.path(), options)); });
  if (const auto at = message.find(file.path()); at != std::string::npos)
    message.replace(at, file.path().size(), "FILE");
  return message;
}

/// The label in the input of every example, in input order.
Floats originals(const Dataset& data) {
  Floats labels(data.size());
  for (std::size_t i = 0; i < data.size(); ++i)
    labels[data.input_position(i)] = data.classes()[static_cast<std::size_t>(data.labels()[i])];
  return labels;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("classes: any whole labels, numbered in ascending order") {
    const Columns columns = classes_of("7 1:2\n-3 1:1\n26 2:1\n7\n+0 3:1\n-0 1:1\n7.0\n1e1\n");
    CHECK(columns.classes == Floats{-3, 0, 7, 10, 26});
    CHECK(columns.labels == Floats{2, 0, 4, 2, 1, 1, 2, 3});
    CHECK_FALSE(std::signbit(columns.classes[1]));
    const Dataset data = Dataset::train(columns, 3);
    CHECK(Floats(data.classes().begin(), data.classes().end()) == columns.classes);
    CHECK(originals(data) == Floats{7, -3, 26, 7, 0, 0, 7, 10});
    CHECK(classes_of("-16777215\n16777215\n").classes == Floats{-16777215, 16777215});
  }

  TEST_CASE("classes: sets of two classes are sets of several, and their labels are numbers") {
    CHECK(classes_of("1 1:2\n-1 1:3\n").classes == Floats{-1, 1});
    CHECK(classes_of("1 1:2\n0 1:3\n").classes == Floats{0, 1});
    const Columns cold = load("synthetic:cold,examples=50", kMulticlass), same = generate("cold", {{"examples", 50}});
    CHECK(cold.classes == Floats{-1, 1});
    for (std::size_t i = 0; i < 50; ++i)
      CHECK(cold.classes[static_cast<std::size_t>(cold.labels[i])] == same.labels[i]);
    CHECK(load("synthetic:cold,examples=50", kRegression).labels == same.labels);
    CHECK(same.classes.empty());
    CHECK(Dataset::train(same).classes().empty());
  }

  TEST_CASE("regression: any finite number, as it is") {
    const TempFile file("0.5 1:2\n-1e3\n0 2:1\n3\n-1\n");
    const Columns columns = load(file.path(), kRegression);
    CHECK(columns.labels == Floats{0.5f, -1000, 0, 3, -1});
    CHECK(columns.classes.empty());
  }

  TEST_CASE("classes of a test set are matched by their labels in the input, not by their order") {
    const Dataset train = Dataset::train(classes_of("2\n4\n6\n4\n"), 1);
    const Dataset test = Dataset::test(classes_of("6 1:1\n4\n6\n"), train);
    CHECK(Floats(test.labels().begin(), test.labels().end()) == Floats{2, 1, 2});
    CHECK(originals(test) == Floats{6, 4, 6});
    CHECK(test.classes().size() == 3);
    CHECK(originals(Dataset::test(classes_of("4\n"), train)) == Floats{4});  // one class is enough to test on
    const TempFile stranger("4\n6\n5\n3\n");
    CHECK(message_of([&] {
            (void)Dataset::test(load(stranger.path(), kMulticlass), Dataset::train([] {
                                  Columns c = classes_of("2\n4\n6\n");
                                  c.name = "known";
                                  return c;
                                }()));
          }) == stranger.path() +
                    ": example 3 has the label 5, which known does not hold; train on examples of that class "
                    "too, or leave them out here");
    CHECK(contains(message_of([&] { (void)Dataset::test(load(stranger.path(), kRegression), train); }),
                   "has classes where the training set has not, or the reverse"));
  }

  TEST_CASE("the digest tells the labels in the input, and the same classes have the same") {
    const auto digest = [](std::string_view text, const LoadOptions& options) {
      return Dataset::train(load(TempFile(text).path(), options)).digest();
    };
    CHECK(digest("1 1:2\n2 1:3\n", kMulticlass) == digest("+1.0 1:2\n2 1:3\n", kMulticlass));
    CHECK(digest("1 1:2\n2 1:3\n", kMulticlass) != digest("1 1:2\n3 1:3\n", kMulticlass));
    CHECK(digest("0 1:2\n1 1:3\n", kMulticlass) != digest("0 1:2\n1 1:3\n", kRegression));
    // That of a set of two classes has been recorded: it must not move.
    CHECK(digest("1 1:2\n-1 1:3\n", {}) == "6907097ac0d139cf");
  }

  TEST_CASE("classes and numbers: what is refused, and where") {
    CHECK(
        contains(refused("1 1:2\n1.5 1:2\n", kMulticlass),
                 "FILE:2: label \"1.5\" is not a whole number from -16777215 to 16777215; if labels are numbers, use a "
                 "model for regression (--model squared)"));
    CHECK(contains(refused("1\n\n16777217\n", kMulticlass), "FILE:3: label \"16777217\" is not a whole number"));
    CHECK(contains(refused("1\nx 1:2\n", kMulticlass), "FILE:2: label \"x\" is not a whole number"));
    CHECK(contains(refused("1\n1e99 1:2\n", kRegression), "FILE:2: label \"1e99\" is not a finite number"));
    CHECK(contains(refused("1\nnan\n", kRegression), "FILE:2: label \"nan\" is not a finite number"));
    CHECK(contains(refused("1\n3 1:2\n", {}),
                   "FILE:2: label \"3\" is not one of -1, +1 or 0, 1; if there are several "
                   "classes, use a model for them (--model softmax)"));
    CHECK(
        contains(refused("4 1:2\n4\n", kMulticlass), "FILE: all labels are 4, and one class leaves nothing to learn"));
    std::string many;
    for (int i = 0; i < 1024; ++i) many += fmt::format("{} 1:1\n", 5 * i);
    CHECK(refused(many, kMulticlass) == "");
    CHECK(contains(refused(many + "3 1:1\n", kMulticlass),
                   "FILE: there are more than 1024 classes; if the labels are numbers"));
    CHECK(contains(message_of([] { (void)load("builtin:ratings", kMulticlass); }), "builtin:ratings holds ratings"));
    CHECK(contains(message_of([] { (void)load("synthetic:netflix", kRegression); }), "netflix holds ratings"));
  }

  TEST_CASE("labels that are no indices of their classes are refused") {
    Columns columns = classes_of("1\n2\n3\n");
    const auto refusal = [](const Columns& c) { return message_of([&] { (void)Dataset::train(c); }); };
    for (const float bad : {-1.f, 3.f, 0.5f, std::numeric_limits<float>::quiet_NaN()}) {
      Columns broken = columns;
      broken.labels[1] = bad;
      CHECK(contains(refusal(broken), "`labels` need to be indices of `classes`"));
    }
    std::swap(columns.classes[0], columns.classes[1]);
    CHECK(contains(refusal(columns), "`classes` need to ascend"));
  }
}
