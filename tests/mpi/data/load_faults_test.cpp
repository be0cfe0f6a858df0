// What is wrong in a file, or on one rank only, is the same error on all ranks.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "data/files.hpp"
#include "mpi/data/sets.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Every rank's error must be what one process says of the file.
void same_error(const std::string& source, const LoadOptions& options = {}) {
  const std::string expected = message_of([&] { (void)Dataset::train(load(source, options)); });
  CAPTURE(source);
  CHECK(expected != "");
  for (const int ranks : {1, 2, 3, 5, 8})
    for (const std::string& error : errors_of(ranks, [&](mpi::World& world) {
           (void)mpi::load_train(world, world.size(), source, options, PartitionName::hash, 1);
         }))
      CHECK(error == expected);
}

/// `count` good lines, with `bad` in the place of line `at`.
std::string with_line(int count, int at, const std::string& bad, const std::string& good = "-1 1:2 3:4\n") {
  std::string text;
  for (int line = 1; line <= count; ++line) text += line == at ? bad : line % 7 == 0 ? "# 1:2\n" : good;
  return text;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("a fault has the line of the file, whichever part it is in") {
    for (const int at : {1, 2, 20, 39, 59, 60}) {
      const TempFile file(with_line(60, at, "1 2:x\n"));
      same_error(file.path());
      CHECK(contains(message_of([&] { (void)load(file.path()); }), fmt::format(":{}: value \"x\"", at)));
    }
  }

  TEST_CASE("of several faults the first is told") {
    std::string text = with_line(60, 31, "1 2:x\n");
    text += "7 1:1\n";
    const TempFile file(text);
    same_error(file.path());
    CHECK(contains(message_of([&] { (void)load(file.path()); }), ":31: "));
  }

  TEST_CASE("labels that do not go together are told, though no part holds both") {
    for (const int at : {2, 30, 60}) {
      const TempFile file(with_line(60, at, "0 1:2\n"));
      same_error(file.path());
      CHECK(contains(message_of([&] { (void)load(file.path()); }), fmt::format(":{}: label 0, but line 1 has label -1", at)));
    }
    const TempFile early(with_line(60, 60, "0 1:x\n")), late(with_line(60, 20, "0 1:2\n") + "1 1:x\n");
    same_error(early.path());
    same_error(late.path());
  }

  TEST_CASE("ratings: the separator and the header are those of the whole file") {
    const LoadOptions ratings{.format = Format::ratings};
    for (const char* bad : {"1,2,3\n", "user::item::rating\n", "1::2::x\n"})
      for (const int at : {2, 25, 40}) {
        const TempFile file("# made\nuser::item::rating\n" + with_line(40, at, bad, "1::2::3.5\n"));
        same_error(file.path(), ratings);
        CHECK(contains(message_of([&] { (void)load(file.path(), ratings); }), fmt::format(":{}: ", at + 2)));
      }
    const TempFile header("user item rating\n# no more\n");
    same_error(header.path(), ratings);
  }

  TEST_CASE("files without examples, of other kinds, and that are not there") {
    const TempFile empty(""), comments("# only\n\n#\n\n\n#\n"), zstd(std::string("\x28\xb5\x2f\xfd", 4) + "...");
    for (const TempFile* file : {&empty, &comments, &zstd}) same_error(file->path());
    same_error("/no/such/file");
    same_error("synthetic:foo");
    same_error("synthetic:netflix");
    same_error("/tmp");
  }

  TEST_CASE("what only the whole set can tell") {
    const TempFile one_class(with_line(40, 50, ""));
    same_error(one_class.path(), {.format = Format::multiclass});
    std::string many;
    for (int i = 0; i < 1100; ++i) many += fmt::format("{} 1:1\n", i);
    const TempFile classes(many);
    same_error(classes.path(), {.format = Format::multiclass});
    const TempFile negative(with_line(40, 33, "1 1:-1.5 2:-7\n"));
    same_error(negative.path(), {.transform = TransformName::log1p});
  }

  TEST_CASE("a file that is missing or another one on one rank is an error on all, which says where") {
    const TempFile file(with_line(40, 0, "")), longer(with_line(41, 0, ""));
    const auto refused = [&](const std::string& elsewhere) {
      const auto errors = errors_of(4, [&](mpi::World& world) {
        (void)mpi::load_train(world, 4, world.rank() == 2 ? elsewhere : file.path(), {}, PartitionName::hash, 1);
      });
      CHECK(std::set<std::string>(errors.begin(), errors.end()).size() == 1);
      return errors[0];
    };
    CHECK(contains(refused("/no/such/file"), "cannot open /no/such/file: "));
    CHECK(contains(refused("/no/such/file"), "(on rank 2, host "));
    CHECK(contains(refused(longer.path()), "give all the same file"));
  }

  TEST_CASE("not all ranks can serve") {
    const TempFile file("1 1:2\n");
    for (const int workers : {0, 3})
      for (const std::string& error : errors_of(2, [&](mpi::World& world) {
             (void)mpi::load_train(world, workers, file.path(), {}, PartitionName::hash, 1);
           }))
        CHECK(contains(error, fmt::format("{} of 2 ranks cannot train", workers)));
  }
}
