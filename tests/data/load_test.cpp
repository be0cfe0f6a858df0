// load: shipped sets, generated sets, transforms, and what is refused.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <sounder/data/dataset.hpp>
#include <sounder/data/generate.hpp>
#include <sounder/data/load.hpp>

#include "data/files.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr LoadOptions kRatings{.format = Format::ratings}, kMulticlass{.format = Format::multiclass};

std::string refused(const std::string& source, const LoadOptions& options = {}) {
  return message_of([&] { (void)load(source, options); });
}

/// SOUNDER_DATA set for a while.
class DataFolder {
 public:
  explicit DataFolder(const std::string& folder) {
    if (const char* old = std::getenv("SOUNDER_DATA")) old_ = old;
    ::setenv("SOUNDER_DATA", folder.c_str(), 1);
  }
  ~DataFolder() { old_ ? ::setenv("SOUNDER_DATA", old_->c_str(), 1) : ::unsetenv("SOUNDER_DATA"); }
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;

 private:
  std::optional<std::string> old_;
};

#ifdef SOUNDER_TEST_DATA_DIR  // tests/data of the source tree: the shipped sets lie beside it
const std::string kShipped = std::filesystem::path(SOUNDER_TEST_DATA_DIR).parent_path().parent_path() / "data";
#endif

}  // namespace

TEST_SUITE("data") {
#ifdef SOUNDER_TEST_DATA_DIR
  TEST_CASE("the shipped sets are whole, and their parts are fixed") {
    const DataFolder folder(kShipped);
    const Columns spam = load("builtin:spam"), test = load("builtin:spam,part=test"),
                  train = load("builtin:spam,part=train");
    CHECK(spam.name == "builtin:spam");
    CHECK(spam.examples() == 6046);
    CHECK(spam.nonzeros() == 787574);
    CHECK(std::count(spam.labels.begin(), spam.labels.end(), 1.f) == 1896);
    CHECK(test.name == "builtin:spam,part=test");
    CHECK(test.examples() == 6046 / 5);
    CHECK(train.examples() + test.examples() == spam.examples());
    CHECK(train.nonzeros() + test.nonzeros() == spam.nonzeros());
    for (const std::size_t i : {0u, 1u, 700u}) {
      CHECK(test.labels[i] == spam.labels[5 * i + 4]);
      CHECK(test.ids[test.offsets[i]] == spam.ids[spam.offsets[5 * i + 4]]);
      CHECK(test.values[test.offsets[i]] == spam.values[spam.offsets[5 * i + 4]]);
      CHECK(train.labels[4 * i] == spam.labels[5 * i]);
      CHECK(train.offsets[4 * i + 1] - train.offsets[4 * i] == spam.offsets[5 * i + 1] - spam.offsets[5 * i]);
    }
    const Columns ratings = load("builtin:ratings", kRatings), rest = load("builtin:ratings,part=test", kRatings);
    CHECK(ratings.examples() == 73421);
    CHECK(ratings.spaces == 2);
    CHECK(rest.examples() == 7342);
    CHECK(rest.ids[2 * 100] == ratings.ids[2 * 1009]);
    CHECK(rest.ids[2 * 100 + 1] == ratings.ids[2 * 1009 + 1]);
    CHECK(load("builtin:ratings,part=train", kRatings).examples() == 73421 - 7342);
  }

  TEST_CASE("the shipped images are those that were taken, evenly of all classes") {
    const DataFolder folder(kShipped);
    const Columns all = load("builtin:fashion", kMulticlass), train = load("builtin:fashion,part=train", kMulticlass),
                  test = load("builtin:fashion,part=test", kMulticlass);
    CHECK(all.classes == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    for (float label = 0; label < 10; ++label) {
      CHECK(std::count(train.labels.begin(), train.labels.end(), label) == 300);
      CHECK(std::count(test.labels.begin(), test.labels.end(), label) == 60);
    }
    CHECK(all.width == 784);
    CHECK(all.values.size() == 3600 * 784);
    double bytes = 0;
    for (const float value : all.values) bytes += std::round(255 * static_cast<double>(value));
    CHECK(bytes == 205983212);
    const auto image = [](const Columns& set, std::size_t i) {
      return std::vector<float>(set.values.data() + i * 784, set.values.data() + (i + 1) * 784);
    };
    for (const std::size_t i : {0u, 7u, 599u}) {
      CHECK(image(test, i) == image(all, 6 * i + 5));
      CHECK(image(train, 5 * i + 2) == image(all, 6 * i + 2));
      CHECK(test.labels[i] == all.labels[6 * i + 5]);
    }
    const Dataset data = Dataset::train(train);
    CHECK(data.dense());
    CHECK(Dataset::test(test, data).classes().size() == 10);
    CHECK(load("builtin:fashion", {.format = Format::regression}).labels[0] ==
          all.classes[static_cast<std::size_t>(all.labels[0])]);
    CHECK(contains(refused("builtin:fashion"),
                   "builtin:fashion holds examples of several classes; use a model for "
                   "several classes (--model softmax)"));
  }

  TEST_CASE("builtin names, keys and formats that are not there") {
    const DataFolder folder(kShipped);
    CHECK(refused("builtin:foo") == "builtin:foo: there is no such set; give one of spam, ratings, fashion");
    CHECK(contains(refused("builtin:"), "give one of spam, ratings, fashion"));
    CHECK(contains(refused("builtin:spam,part=x"), "the parts are train and test"));
    CHECK(contains(refused("builtin:spam,rows=3"), "there is no key rows; the only one is part"));
    CHECK(contains(refused("builtin:spam,part"), "\"part\" is not key=value"));
    CHECK(contains(refused("builtin:spam,part=test,part=train"), "part is given twice"));
    CHECK(contains(refused("builtin:spam", kRatings),
                   "builtin:spam holds labelled examples; use a model for classification"));
    CHECK(contains(refused("builtin:ratings"), "builtin:ratings holds ratings; use a model for ratings (--model mf)"));
  }
#endif

  TEST_CASE("SOUNDER_DATA comes first, and a missing set says where it was looked for") {
    const auto folder = std::filesystem::temp_directory_path() / ("sounder-data-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    const DataFolder set(folder.string());
    std::ofstream(folder / "spam.svm.xz") << "1 1:2\n";  // any format is recognized by its content
    CHECK(load("builtin:spam").examples() == 1);
    std::filesystem::remove_all(folder);
    if (const std::string message = refused("builtin:spam"); message != "") {  // unless the build knows another folder
      CHECK(contains(message, folder.string()));
      CHECK(contains(message, "set SOUNDER_DATA"));
    }
    CHECK(builtins().size() == 3);
  }

  TEST_CASE("files are named by their path") {
    const TempFile file("1 1:2\n");
    CHECK(load(file.path()).name == file.path());
    CHECK(contains(refused("/no/such/file"), "cannot open /no/such/file"));
    CHECK(contains(refused(file.path(), kRatings), file.path() + ":1: "));
  }

  TEST_CASE("generated sets take keys") {
    const Columns columns = load("synthetic:zipf,examples=300,features=1e3,part=test");
    CHECK(columns.examples() == 300);
    CHECK(columns.name == "synthetic:zipf,examples=300,features=1e3,part=test");
    CHECK(columns.ids == generate("zipf", {{"examples", 300}, {"features", 1000}, {"part", 1}}).ids);
    CHECK(columns.ids != load("synthetic:zipf,examples=300,features=1000,part=train").ids);
    CHECK(load("synthetic:netflix,examples=500,users=50,items=40", kRatings).spaces == 2);
    CHECK(contains(refused("synthetic:foo"),
                   "there is no such set; give one of rcv1, netflix, zipf, cold, dense, grid-cut"));
    CHECK(contains(refused("synthetic:"), "give one of rcv1"));
    CHECK(contains(refused("synthetic:dense,nonzeros=3"),
                   "there is no key nonzeros; the keys are examples, features, noise"));
    for (const char* bad : {"abc", "1.5", "-1", "0", "nan", "inf", "1e300", "1x", "0x10"})
      CHECK_MESSAGE(contains(refused("synthetic:dense,examples=" + std::string(bad)), "examples="), bad);
    CHECK(contains(refused("synthetic:dense,part=both"), "is not a number, train or test"));
    CHECK(contains(refused("synthetic:dense,examples="), "is not key=value"));
    CHECK(contains(refused("synthetic:dense,noise=0.7"), "noise=0.7 is not a number from 0 to 0.5"));
    CHECK(contains(refused("synthetic:dense,examples=4e9"), "GiB of memory"));
    CHECK(contains(refused("synthetic:rcv1,examples=4e9"), "GiB of memory"));
    CHECK(contains(refused("synthetic:cold,features=30"), "nonzeros=20 is more than half of features=30"));
    CHECK(contains(refused("synthetic:rcv1,features=100"), "nonzeros=73 cannot be met with features=100"));
    CHECK(contains(refused("synthetic:rcv1", kRatings), "holds labelled examples; use a model for classification"));
    CHECK(contains(refused("synthetic:netflix"), "holds ratings; use a model for ratings (--model mf)"));
    CHECK(contains(refused("synthetic:netflix,items=10", kRatings),
                   "1000000 examples are more than half of 20000 users times 10 items"));
  }

  TEST_CASE("log1p, then length 1") {
    const TempFile file("1 1:3 2:0.5 3:300\n-1\n1 1:0\n1 5:7\n");
    const Columns logs = load(file.path(), {.transform = TransformName::log1p});
    CHECK(logs.values[0] == static_cast<float>(std::log(4.0)));
    CHECK(logs.values[1] == static_cast<float>(std::log(1.5)));
    CHECK(logs.values[2] == static_cast<float>(std::log(301.0)));
    const Columns both = load(file.path(), {.transform = TransformName::log1p, .normalize = NormalizeName::l2});
    const double length = std::hypot(std::log(4.0), std::log(1.5), std::log(301.0));
    CHECK(both.values[0] == doctest::Approx(std::log(4.0) / length));
    CHECK(both.values[2] == doctest::Approx(std::log(301.0) / length));
    CHECK(both.values[3] == 0);  // a length of 0 stays
    CHECK(both.values[4] == 1);
    const Columns scaled = load(file.path(), {.normalize = NormalizeName::l2});
    CHECK(scaled.values[2] == doctest::Approx(300 / std::hypot(3, 0.5, 300)));
  }

  TEST_CASE("transforms of sets whose values are all 1, also of constant width") {
    const TempFile file("1 1:1 2:1 4:1 9:1\n");
    CHECK(load(file.path(), {.normalize = NormalizeName::l2}).values == std::vector<float>(4, 0.5f));
    CHECK(load(file.path(), {.transform = TransformName::log1p}).values ==
          std::vector<float>(4, static_cast<float>(std::log(2.0))));
    const Columns cold = load("synthetic:cold,examples=5,nonzeros=4", {.normalize = NormalizeName::l2});
    CHECK(cold.values == std::vector<float>(20, 0.5f));
  }

  TEST_CASE("transforms that cannot be") {
    const TempFile file("1 1:3 2:-1\n");
    CHECK(contains(refused(file.path(), {.transform = TransformName::log1p}),
                   "--transform log1p needs values above -1, but "));
    CHECK(contains(refused(file.path(), {.transform = TransformName::log1p}), " holds -1; leave the transform out"));
    CHECK(contains(refused("synthetic:netflix", {.format = Format::ratings, .transform = TransformName::log1p}),
                   "--transform"));
    CHECK(contains(refused("synthetic:netflix", {.format = Format::ratings, .normalize = NormalizeName::l2}),
                   "--normalize"));
  }
}
