// Files of checkpoints: damaged ones are refused, and a full disk ends no training.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "params/fields.hpp"
#include "train/checkpoint_runs.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

/// No file of this process may be longer, as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &old_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit low{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &low);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit old_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("checkpoint file: cut short anywhere, altered anywhere, another version, something else: refused") {
    const Dataset data = examples_of({{0, 1}, {1, 2}, {0, 2}}, {1, -1, 1});
    const Kernel kernel = builtin_kernel({}, data);
    const TempFile file("", ".checkpoint"), bad("", ".bad");
    Options options = options_for(Mode::serial, 1);
    options.checkpoint = file.path();
    run(kernel, data, options);
    const std::string whole = content_of(file.path());
    const auto says = [&](const std::string& content) {
      std::ofstream(bad.path(), std::ios::binary) << content;
      return message_of([&] { load_checkpoint(bad.path()); });
    };
    CHECK(says(whole) == "");
    for (std::size_t size = 0; size < whole.size(); ++size)
      if (!contains(says(whole.substr(0, size)), bad.path())) FAIL("cut to " << size);
    for (std::size_t byte = 0; byte < whole.size(); ++byte) {
      std::string altered = whole;
      altered[byte] = static_cast<char>(altered[byte] ^ 4);
      if (!contains(says(altered), bad.path())) FAIL("byte " << byte);
    }
    CHECK(contains(says(whole + '\0'), "cut short or altered"));
    CHECK(contains(says(whole.substr(0, whole.size() / 2)), "cut short or altered"));
    CHECK(contains(says("1 3:0.5\n"), "not a Sounder checkpoint"));
    CHECK(contains(message_of([] { load_checkpoint("/nowhere/there"); }), "/nowhere/there"));
    FieldWriter later;
    later.number(3);
    write_fields({.magic = "SOUNDERC", .noun = "checkpoint", .flag = "--checkpoint"}, later, bad.path());
    CHECK(contains(message_of([&] { load_checkpoint(bad.path()); }), "version 3"));
    const TempFile model("", ".model");
    save(to_saved(kernel, run(kernel, data, options_for(Mode::serial, 1)).parameters, data), model.path());
    CHECK(contains(message_of([&] { load_checkpoint(model.path()); }), "not a Sounder checkpoint"));
  }

  TEST_CASE("checkpoint: a full disk ends no training, is said once, and leaves the old one") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({}, data);
    const TempFile file("", ".checkpoint");
    Options options = options_for(Mode::serial, 2);
    options.checkpoint = file.path();
    run(kernel, data, options);
    const std::string before = content_of(file.path());
    const Checkpoint checkpoint = load_checkpoint(file.path());
    options.epochs = 6;
    Noting noting;
    const Result result = [&] {
      const FullDisk full(before.size() / 2);
      return run(kernel, data, options, &checkpoint, &noting);
    }();
    CHECK(result.stopped == Stopped::epochs);
    CHECK(result.digest == run(kernel, data, options_for(Mode::serial, 6)).digest);
    CHECK(contains(result.checkpoint_error, file.path()));
    CHECK(result.checkpoint_epochs == -1);
    CHECK(noting.lost.size() == 1);
    CHECK(content_of(file.path()) == before);
    CHECK(load_checkpoint(file.path()).epochs == 2);
    std::size_t left = 0;  // no half of a file beside it
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(file.path()).parent_path()))
      left += contains(entry.path().string(), file.path());
    CHECK(left == 1);
    const Result later = run(kernel, data, options, &checkpoint);
    CHECK(later.checkpoint_error.empty());
    CHECK(load_checkpoint(file.path()).epochs == 6);
  }
}
