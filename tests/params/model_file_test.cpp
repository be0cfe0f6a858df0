// Model files: what was saved comes back, what was altered is refused, and no file is half written.
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <sounder/data/random.hpp>
#include <sounder/params/model_file.hpp>

#include "data/files.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;
namespace fs = std::filesystem;

namespace {

bool equal(const SavedModel& a, const SavedModel& b) {
  const auto same = [](const SavedModel::SavedTable& x, const SavedModel::SavedTable& y) {
    return x.width == y.width && x.space == y.space && x.ids == y.ids && x.weights == y.weights;
  };
  return a.model == b.model && a.facts == b.facts &&
         std::equal(a.tables.begin(), a.tables.end(), b.tables.begin(), b.tables.end(), same);
}

SavedModel small_model() {
  SavedModel saved{.model = "mf",
                   .facts = {{"transform", "log1p"}, {"", "empty key"}, {"text", std::string("a\0b\n", 4)}},
                   .tables = {}};
  saved.tables.push_back(
      {.width = 2, .space = 0, .ids = {3, 9, 4'000'000'000u}, .weights = {1, -0.f, 1e-45f, -3e38f, 5, 6}});
  saved.tables.push_back({.width = 1, .space = -1, .ids = {0}, .weights = {0.5f}});
  saved.tables.push_back({.width = 16, .space = 1, .ids = {}, .weights = {}});
  return saved;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

/// Whether load_model refuses a file of this content, naming it.
bool refused(const std::string& content) {
  const TempFile file(content, ".model");
  return contains(message_of([&] { load_model(file.path()); }), file.path());
}

/// A folder that is gone when the test ends.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("sounder-folder-" + std::to_string(::getpid()))) {
    fs::create_directory(path);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
  fs::path path;
};

Kernel kernel_of(ModelName model, const Dataset& data, int factors = 16) {
  return builtin_kernel({.model = model, .factors = factors}, data);
}

/// The weights of every row as a function of its original id.
void set_by_id(Parameters& parameters, const Dataset& data) {
  for (std::size_t table = 0; table < parameters.layout().tables(); ++table) {
    const int space = parameters.layout().shape(table).space;
    const std::size_t known =
        space < 0 ? parameters.layout().shape(table).rows : data.numbering(static_cast<std::uint32_t>(space)).size();
    for (std::uint32_t row = 0; row < known; ++row) {
      const std::uint32_t id = space < 0 ? row : data.numbering(static_cast<std::uint32_t>(space)).original(row);
      float k = 0;
      for (float& w : parameters.row(table, row)) w = static_cast<float>(id) + 0.125f * ++k;
    }
  }
}

}  // namespace

TEST_SUITE("params") {
  TEST_CASE("model file: what is saved comes back equal") {
    const TempFile file("", ".model");
    save(small_model(), file.path());
    CHECK(equal(load_model(file.path()), small_model()));
    CHECK(std::signbit(load_model(file.path()).tables[0].weights[1]));
    save(SavedModel{}, file.path());  // over the old one, and shorter
    CHECK(equal(load_model(file.path()), SavedModel{}));

    for (const auto& model : kModels) {
      const Dataset data = small_set(model.value);
      const Kernel kernel = kernel_of(model.value, data);
      const Result result = train(kernel, data, options_for(Mode::serial, 1));
      const SavedModel saved = to_saved(kernel, result.parameters, data);
      save(saved, file.path());
      const SavedModel loaded = load_model(file.path());
      CHECK(equal(loaded, saved));
      CHECK(digest(loaded) == result.digest);
      Parameters parameters(kernel.layout);
      from_saved(loaded, kernel, data, parameters);
      CHECK(weights_of(parameters) == weights_of(result.parameters));
    }
  }

  TEST_CASE("digest: of the weights by original id, whatever the numbering; any weight changes it") {
    for (const auto& model : kModels) {
      CAPTURE(std::string(model.name));
      Columns columns;
      columns.name = "one";
      if (format_of(model.value) == Format::ratings) {
        columns.spaces = columns.width = 2;
        columns.ids = {5, 8, 5, 2, 7, 8, 6, 8};
      } else {
        columns.width = 2;
        columns.ids = {5, 8, 5, 2, 7, 8, 6, 8};
        columns.values.assign(8, 1.f);
      }
      columns.labels = {1, -1, 1, -1};
      columns = relabelled(columns, model.value);
      Columns other = columns;  // the same ids, other ones frequent
      other.ids = {7, 2, 7, 2, 6, 2, 5, 8};
      const Dataset a = Dataset::train(columns, 1), b = Dataset::train(other, 2);
      REQUIRE(a.numbering().originals()[0] != b.numbering().originals()[0]);
      const Kernel of_a = kernel_of(model.value, a), of_b = kernel_of(model.value, b);
      Parameters in_a(of_a.layout), in_b(of_b.layout);
      set_by_id(in_a, a);
      set_by_id(in_b, b);
      const std::string before = digest(to_saved(of_a, in_a, a));
      CHECK(before.size() == 16);
      CHECK(before.find_first_not_of("0123456789abcdef") == std::string::npos);
      CHECK(before == digest(to_saved(of_b, in_b, b)));
      in_a.row(0, 1)[0] = std::nextafter(in_a.row(0, 1)[0], 100.f);
      CHECK(before != digest(to_saved(of_a, in_a, a)));
    }
    CHECK(digest(SavedModel{}) == "ef46db3751d8e999");  // XXH64 of nothing
  }

  TEST_CASE("model file: cut short anywhere, altered anywhere, or something else: refused") {
    const TempFile file("", ".model");
    save(small_model(), file.path());
    const std::string whole = content_of(file.path());
    REQUIRE(whole.starts_with("SOUNDER1"));
    CHECK_FALSE(refused(whole));
    for (std::size_t size = 0; size < whole.size(); ++size)
      if (!refused(whole.substr(0, size))) FAIL("cut to " << size);
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string altered = whole;
      altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << bit % 8));
      if (!refused(altered)) FAIL("bit " << bit);
    }
    CHECK(refused(whole + '\0'));
    CHECK(refused(whole + whole));
    CHECK(refused("1 3:0.5 7:1\n"));
    CHECK(refused(std::string(100, '\0')));
    CHECK(refused("SOUNDER1"));
    CHECK(contains(message_of([] { load_model("/nowhere/there.model"); }), "/nowhere/there.model"));
  }

  TEST_CASE("model file: a folder is not a model") {
    const Folder folder;
    CHECK(contains(message_of([&] { load_model(folder.path.string()); }), folder.path.string()));
  }

  TEST_CASE("from_saved: another model, other factors, other tables are refused") {
    const Dataset text = small_set(ModelName::logistic), ratings = small_set(ModelName::mf);
    const Kernel logistic = kernel_of(ModelName::logistic, text), svm = kernel_of(ModelName::svm, text);
    const Kernel narrow = kernel_of(ModelName::mf, ratings, 16), wide = kernel_of(ModelName::mf, ratings, 64);
    Parameters p_logistic(logistic.layout), p_svm(svm.layout), p_narrow(narrow.layout), p_wide(wide.layout);
    CHECK(contains(message_of([&] { from_saved(to_saved(logistic, p_logistic, text), svm, text, p_svm); }),
                   "--model logistic"));
    CHECK(contains(message_of([&] { from_saved(to_saved(logistic, p_logistic, text), narrow, ratings, p_narrow); }),
                   "--model logistic"));
    CHECK(contains(message_of([&] { from_saved(to_saved(narrow, p_narrow, ratings), wide, ratings, p_wide); }),
                   "--factors"));
    CHECK(contains(message_of([&] { from_saved(to_saved(wide, p_wide, ratings), narrow, ratings, p_narrow); }),
                   "--factors"));
  }

  TEST_CASE("from_saved: tables that do not fit the model are refused, not written over its end") {
    const Dataset text = small_set(ModelName::logistic);
    const Kernel kernel = kernel_of(ModelName::logistic, text);
    Parameters parameters(kernel.layout);
    const SavedModel good = to_saved(kernel, parameters, text);
    const auto refuses = [&](void (*spoil)(SavedModel&)) {
      SavedModel bad = good;
      spoil(bad);
      return !message_of([&] { from_saved(bad, kernel, text, parameters); }).empty();
    };
    CHECK_FALSE(refuses([](SavedModel&) {}));
    CHECK(refuses([](SavedModel& bad) { bad.tables.pop_back(); }));
    CHECK(refuses([](SavedModel& bad) { bad.tables[1].ids[0] = 1'000'000; }));  // a row that the intercept lacks
    CHECK(refuses([](SavedModel& bad) { bad.tables[0].space = 1; }));           // an id space that the data lacks
    CHECK(refuses([](SavedModel& bad) { bad.tables[0].weights.pop_back(); }));
  }

  TEST_CASE("save: where it cannot write it says so, and what was there stays") {
    const Folder folder;
    const std::string path = (folder.path / "a.model").string();
    save(small_model(), path);
    const std::string before = content_of(path);
    const std::string lost = (folder.path / "missing" / "a.model").string();
    CHECK(contains(message_of([&] { save(small_model(), lost); }), lost));
    CHECK(contains(message_of([&] { save(small_model(), folder.path.string()); }), folder.path.string()));
    CHECK(content_of(path) == before);
    CHECK(folder.files() == 1);  // and no temporary file is left
    SavedModel huge = small_model();
    huge.tables[0].weights.assign(100'000, 1.f);
    CHECK(contains(message_of([&] { save(huge, "/dev/full"); }), "/dev/full"));
  }

  TEST_CASE("save: a device is written to, a link's target is replaced, neither itself") {
    save(small_model(), "/dev/null");
    CHECK(fs::is_character_file("/dev/null"));
    const Folder folder;
    const fs::path target = folder.path / "target", link = folder.path / "link", dangling = folder.path / "dangling";
    std::ofstream(target) << "old";
    fs::create_symlink(target, link);
    fs::create_symlink(folder.path / "new", dangling);
    save(small_model(), link.string());
    CHECK(fs::is_symlink(link));
    CHECK(equal(load_model(target.string()), small_model()));
    save(small_model(), dangling.string());
    CHECK(fs::is_symlink(dangling));
    CHECK(equal(load_model((folder.path / "new").string()), small_model()));
    CHECK(folder.files() == 4);
  }

  TEST_CASE("save: a write that fails half way leaves the old file") {
    const Folder folder;
    const std::string path = (folder.path / "a.model").string();
    save(small_model(), path);
    const std::string before = content_of(path);
    SavedModel huge = small_model();
    huge.tables[0].ids.assign(50'000, 1);
    huge.tables[0].weights.assign(100'000, 1.f);
    rlimit limit;
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit low{50'000, limit.rlim_max};  // bytes a file may have: the disk is full there
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    const std::string message = message_of([&] { save(huge, path); });
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    std::signal(SIGXFSZ, old_handler);
    CHECK(contains(message, path));
    CHECK(content_of(path) == before);
    CHECK(folder.files() == 1);
    save(huge, path);
    CHECK(load_model(path).tables.size() == huge.tables.size());
  }
}
